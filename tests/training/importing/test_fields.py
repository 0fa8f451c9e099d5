"""What a person may say about a file, and what is checked of its lines."""

import numpy as np
import polars as pl
import pytest

from models.errors import InputError
from training.importing.columns import ID, MONEY
from training.importing.fields import (
    Field,
    Reading,
    check,
    check_timezone,
    read_mapping,
    require_columns,
    unused_columns,
)

FIELDS = (Field("user_id", ID, required=True), Field("price", MONEY), Field("count", MONEY, default=1.0))


def test_a_mapping_is_read_from_one_option_or_several() -> None:
    expected = {"user_id": "CustomerID", "price": "Unit Price"}
    assert read_mapping(["user_id=CustomerID, price=Unit Price"], FIELDS) == expected
    assert read_mapping(["user_id=CustomerID", "price=Unit Price"], FIELDS) == expected


@pytest.mark.parametrize(
    ("option", "words"),
    [("user_id", "no pair"), ("user_id=", "no pair"), ("userid=a", "did you mean user_id"), ("=a", "no field ''")],
)
def test_a_mapping_that_cannot_be_is_refused(option: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_mapping([option], FIELDS)


def test_a_zone_that_is_none_is_refused() -> None:
    assert check_timezone("Europe/London") == "Europe/London"
    assert check_timezone(None) is None
    with pytest.raises(InputError, match="no time zone"):
        check_timezone("Europe/Lundon")


def test_a_required_or_mapped_column_that_is_missing_is_named_with_those_that_are_there() -> None:
    with pytest.raises(InputError, match=r"no column 'user_id' for user_id.*'Customer', 'price'"):
        require_columns(["Customer", "price"], FIELDS, Reading(), "a.csv")
    with pytest.raises(InputError, match="no column 'Cost' for price"):
        require_columns(["Customer", "price"], FIELDS, Reading({"user_id": "Customer", "price": "Cost"}), "a.csv")
    require_columns(["Customer"], FIELDS, Reading({"user_id": "Customer"}), "a.csv")


def test_columns_that_nothing_reads_are_named() -> None:
    assert unused_columns(["Customer", "price", "user_id"], FIELDS, Reading({"user_id": "Customer"})) == ["user_id"]


def test_the_first_thing_wrong_with_a_line_is_its_reason() -> None:
    frame = pl.DataFrame(
        {"user_id": ["a", None, "c", "d" * 300], "price": ["1", "-1", "x", "-2"], "other": [1, 2, 3, 4]}
    )
    checked = check(frame, np.array([2, 3, 4, 5]), FIELDS, Reading())
    assert checked.values.rows() == [("a", 1.0, 1.0)]
    assert checked.lines.tolist() == [2]
    assert [(reject.line, reject.reason.partition(";")[0]) for reject in checked.rejects] == [
        (3, "user_id is missing"),
        (4, "price 'x' is not a number"),
        (5, f"user_id '{'d' * 59}... is longer than 256 characters"),
    ]
    assert checked.rejects[1].row == {"user_id": "c", "price": "x"}


def test_a_column_that_can_be_no_such_field_is_refused_whole() -> None:
    frame = pl.DataFrame({"user_id": [[1], [2]]})
    with pytest.raises(InputError, match=r"the column 'user_id' holds List\(Int64\)"):
        check(frame, np.array([1, 2]), FIELDS, Reading())
