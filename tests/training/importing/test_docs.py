"""docs/formats.md says what the imports take."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from models.events import EVENT_TYPES
from store.bulk import Row
from store.events import EVENT_COLUMNS
from tests.worlds import microseconds
from training.importing import columns as kinds
from training.importing.columns import Kind
from training.importing.fields import Reading, check_timezone, read_mapping
from training.importing.files import READERS
from training.importing.tables import TableName, fields_of, target_of
from training.importing.target import Prepared

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
TABLES: tuple[TableName, ...] = get_args(TableName)
NOW_US = microseconds(datetime(2026, 11, 22, tzinfo=UTC))

KINDS: dict[str, Kind] = {
    "id": kinds.ID,
    "text": kinds.TEXT,
    "number": kinds.NUMBER,
    "money": kinds.MONEY,
    "amount": kinds.AMOUNT,
    "whole number": kinds.WHOLE,
    "time": kinds.TIME,
    "flag": kinds.FLAG,
    "list": kinds.TAGS,
    "path": kinds.PATH,
    "map": kinds.MAP,
    "vector": kinds.VECTOR,
}


def rows_of(text: str) -> list[tuple[str, ...]]:
    """The rows of a table, without its head."""
    rows = [
        re.split(r" (?<!\\)\| ?", line.strip("| ") + " |")[:-1] for line in text.splitlines() if line.startswith("|")
    ]
    return [tuple(cell.strip() for cell in row) for row in rows[2:]]


def examples(table: TableName) -> list[tuple[str, str]]:
    return re.findall(rf"`{table}(\.\w+)`:\n\n```\w+\n(.*?)```", SECTIONS[table], re.DOTALL)


def prepared(table: TableName, ending: str, text: str, folder: Path, reading: Reading | None = None) -> Prepared:
    path = folder / f"example{ending}"
    path.write_text(text)
    [batch] = READERS[ending](path)
    return target_of(table, NOW_US, reading or Reading()).prepare(batch)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_there_with_its_kind_in_the_order_of_the_code(table: TableName) -> None:
    told = {row[0].strip("`"): row[1] for row in rows_of(SECTIONS[table])}
    fields = fields_of(table)
    assert list(told) == [field.name for field in fields]
    for field in fields:
        kind, _, required = told[field.name].partition(", ")
        assert (required == "*required*") == field.required, field.name
        if kind != "one of the types below":
            expected = KINDS[kind]
            assert (field.kind.read, field.kind.dtype) == (expected.read, expected.dtype), field.name
            limits = [limit.words for limit in expected.limits]
            assert [limit.words for limit in field.kind.limits][: len(limits)] == limits, field.name


@pytest.mark.parametrize("table", TABLES)
def test_a_default_is_told(table: TableName) -> None:
    meanings = {row[0].strip("`"): row[2] for row in rows_of(SECTIONS[table]) if len(row) > 2}
    for field in fields_of(table):
        assert ("when it is not given" in meanings.get(field.name, "")) == (field.default is not None), field.name
        if field.default is not None:
            assert f"{str(field.default).lower().removesuffix('.0')} when it is not given" in meanings[field.name]


def test_every_kind_is_described() -> None:
    introduction = PAGE.partition("\n## ")[0]
    assert [row[0] for row in rows_of(introduction)] == list(KINDS)
    assert f"1 to {kinds.ID_LENGTH_MAX} characters" in introduction
    assert f"0 to {kinds.WHOLE_MAX}" in introduction
    for ending in READERS:
        assert f"`{ending}`" in introduction


def test_every_event_type_is_named() -> None:
    sentence = re.search(r"The types are (.*?)\.", SECTIONS["events"], re.DOTALL)
    assert sentence
    assert tuple(re.findall(r"`(\w+)`", sentence[1])) == EVENT_TYPES


@pytest.mark.parametrize("table", TABLES)
def test_the_examples_are_taken_whole_and_say_the_same_in_every_format(table: TableName, tmp_path: Path) -> None:
    taken = [prepared(table, ending, text, tmp_path) for ending, text in examples(table)]
    assert [ending for ending, _ in examples(table)] == [".csv", ".jsonl"]
    assert all(not each.rejects for each in taken)
    assert taken[0].rows == taken[1].rows
    assert taken[0].rows


def options(section: str) -> dict[str, list[str]]:
    """The options of the command that a section shows."""
    command = re.search(r"```sh\n(.*?)\n```", SECTIONS[section], re.DOTALL)
    assert command
    words = shlex.split(command[1])
    assert words[:3] == ["endcap", "import", "events"]
    found: dict[str, list[str]] = {}
    for name, value in zip(words[4::2], words[5::2], strict=True):
        found.setdefault(name, []).append(value)
    return found


def test_the_example_of_a_mapping_is_one() -> None:
    found = options("Columns of other names: `--map`")
    assert read_mapping(found["--map"], fields_of("events")) == {
        "user_id": "CustomerID",
        "item_id": "StockCode",
        "ts": "Date",
        "event_type": "Kind",
    }


def _moment(row: Row) -> datetime:
    return datetime.fromtimestamp(row[EVENT_COLUMNS.index("ts_us")] / 1e6, UTC)


def test_times_are_read_as_the_page_says(tmp_path: Path) -> None:
    zone = check_timezone(options("Times")["--timezone"][0])
    told = re.findall(r"`(2026-11-20.*?)`", SECTIONS["Times"])
    told += ["2026-11-20", "2026-11-20T18:04:10Z", "2025-10-26T02:30:00", "2026-03-29T02:30:00"]
    text = "event_type,user_id,item_id,ts\n" + "".join(f"view,1,a,{time}\n" for time in told)
    read = prepared("events", ".csv", text, tmp_path, Reading(timezone=zone))
    moments = dict(zip(read.lines.tolist(), (_moment(row) for row in read.rows), strict=True))
    assert moments == {
        2: datetime(2026, 11, 20, 17, 4, 10, tzinfo=UTC),
        3: datetime(2026, 11, 20, 17, 4, 10, tzinfo=UTC),
        4: datetime(2026, 11, 19, 23, tzinfo=UTC),
        5: datetime(2026, 11, 20, 18, 4, 10, tzinfo=UTC),
        6: datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
    }
    assert [reject.line for reject in read.rejects] == [7]
    assert len(prepared("events", ".csv", text, tmp_path).rejects) == len(told) - 1
