import asyncio
import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from service.problems import Problem
from service.requests import MOST_ITEMS, ItemsBody, ListQuery, PersonalBody, PersonalQuery, read_body, read_query


def asked(query: str | bytes = b"", body: bytes = b"", content_type: str = "application/json") -> Request:
    """A request with this query and this body, in pieces of 100,000 bytes."""
    pieces = [body[at : at + 100_000] for at in range(0, len(body), 100_000)] or [b""]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    raw = query.encode() if isinstance(query, str) else query
    return Request(
        {"type": "http", "query_string": raw, "headers": [(b"content-type", content_type.encode())]}, receive
    )


def read(body: bytes, content_type: str = "application/json") -> PersonalBody:
    found: PersonalBody = asyncio.run(read_body(asked(body=body, content_type=content_type), PersonalBody))
    return found


def test_a_query_is_read_with_repeated_ids_in_their_order() -> None:
    query = "placement=cart&n=5&item_id=a%2Fb&item_id=c&exclude=d&session_item_id=e&category=Dairy%20%3E%20Milk"
    found: PersonalQuery = read_query(asked(query), PersonalQuery)
    assert (found.placement, found.n, found.item_id, found.exclude) == ("cart", 5, ("a/b", "c"), ("d",))
    assert (found.session_item_id, found.category) == (("e",), "Dairy > Milk")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("n=0", "n"),
        (f"n={MOST_ITEMS + 1}", "n"),
        ("n=10000", "n"),
        ("n=NaN", "n"),
        ("n=", "n"),
        ("exclude=", "exclude"),
        ("exclude=" + "x" * 10_000, "exclude"),
        ("exclude=a%00b", "exclude"),
        ("item_id=a%0Ab", "item_id"),
        ("category=%3E", "category"),
        ("plcement=home", "plcement"),
        ("&".join(["exclude=a"] * 201), "exclude"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(query: str, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read_query(asked(query), PersonalQuery)
    assert refused.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize(
    "query", [b"exclude=%ED%A0%80", b"exclude=%ff", b"exclude=\xff", b"n=1&n=2", b"&".join([b"a=b"] * 501)]
)
def test_a_query_that_is_no_utf_8_or_says_a_thing_twice_is_a_problem(query: bytes) -> None:
    with pytest.raises(Problem) as refused:
        read_query(asked(query), PersonalQuery)
    assert refused.value.status == 422


@pytest.mark.parametrize("window", ["7", "0d", "-1d", "7 d", "99999d", "week"])
def test_a_window_is_a_number_of_days(window: str) -> None:
    with pytest.raises(ValidationError):
        read_query(asked(f"window={window}"), ListQuery)


def test_one_placement_or_several_but_not_both() -> None:
    assert read(b'{"user_id": "1029"}').placements is None
    several = read(
        b'{"anonymous_id": "c", "placements": [{"placement": "home"}, {"placement": "cart", "item_ids": ["a"]}]}'
    )
    assert several.placements is not None
    assert [one.placement for one in several.placements] == ["home", "cart"]
    for wrong in (b'{"n": 3, "placements": [{}]}', b'{"placements": []}'):
        with pytest.raises(ValidationError, match="placements"):
            read(wrong)


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b'{"n": NaN}', b'{"user_id": "\\ud800"}', b"\xff", b'{"n": 1'])
def test_a_body_that_is_no_json_is_a_problem(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        read(body)
    assert refused.value.status == 422


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_body_of_another_kind_is_refused(content_type: str) -> None:
    with pytest.raises(Problem) as refused:
        read(b"{}", content_type)
    assert refused.value.status == 415


def test_a_body_may_say_its_charset() -> None:
    assert read(b"{}", "Application/JSON; charset=utf-8").user_id is None


def test_a_large_body_is_refused_before_all_of_it_is_read() -> None:
    with pytest.raises(Problem) as refused:
        read(b" " * 2_000_000)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"1", b'"x"', b'{"item_ids": []}', b"{}", b'{"item_ids": ["a\\u0000"]}']
)
def test_items_need_an_id_of_an_item(body: bytes) -> None:
    with pytest.raises(ValidationError):
        asyncio.run(read_body(asked(body=body), ItemsBody))


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
_fields = st.sampled_from([*PersonalBody.model_fields, "unknown"])


@given(st.dictionaries(_fields, _anything, max_size=5) | _anything)
def test_any_json_is_read_or_refused_and_nothing_else(value: Any) -> None:  # noqa: ANN401 - any JSON value
    try:
        body = orjson.dumps(value)
    except (TypeError, ValueError):
        return
    with contextlib.suppress(ValidationError, Problem):
        assert read(body).model_fields_set <= set(PersonalBody.model_fields)


@given(st.binary(max_size=60))
def test_any_query_is_read_or_refused_and_nothing_else(query: bytes) -> None:
    with contextlib.suppress(ValidationError, Problem):
        assert read_query(asked(query), PersonalQuery).placement
