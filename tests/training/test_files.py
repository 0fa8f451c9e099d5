"""Files are a shop: the frames are those that a database would give."""

import json
from pathlib import Path

import polars as pl
import pytest

from models.errors import InputError
from training.files import FileShops, file_job, read_files
from training.importing.fields import Reading

HEAD = "user_id,item_id,event_type,ts,session_id"
LINES = ("ann,tea,view,2026-01-01T10:00:00Z,s1", "bob,jam,purchase,2026-01-01T09:00:00Z,s2")
NOW_US = 1_800_000_000_000_000


def written(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(*events: Path, items: Path | None = None, reading: Reading | None = None) -> FileShops:
    jobs = [file_job("events", path, reading or Reading()) for path in events]
    return read_files(jobs, None if items is None else file_job("items", items, Reading()), now_us=NOW_US)


def test_events_come_by_shopper_and_time(tmp_path: Path) -> None:
    (shop,) = read(written(tmp_path, "e.csv", HEAD, *LINES)).shops
    assert shop.events.select("shopper", "item_id", "event_type", "session_id").rows() == [
        ("u:ann", "tea", "view", "s1"),
        ("u:bob", "jam", "purchase", "s2"),
    ]
    assert shop.events["ts"].dtype == pl.Datetime("us", "UTC")


def test_without_a_catalogue_it_is_what_the_events_of_all_files_are_about(tmp_path: Path) -> None:
    one, other = written(tmp_path, "1.csv", HEAD, LINES[0]), written(tmp_path, "2.csv", HEAD, LINES[1])
    train, test = read(one, other).shops
    assert train.items is test.items
    assert train.items["item_id"].to_list() == ["jam", "tea"]
    assert train.items["published_at"].to_list() == [*test.events["ts"], *train.events["ts"]]
    assert train.items["recommendable"].all()


def test_a_catalogue_is_read_and_its_last_line_about_an_item_counts(tmp_path: Path) -> None:
    lines = [{"item_id": "tea", "title": "Old"}, {"item_id": "tea", "title": "Tea", "category": ["drinks"]}]
    items = written(tmp_path, "i.jsonl", *map(json.dumps, lines))
    (shop,) = read(written(tmp_path, "e.csv", HEAD, *LINES), items=items).shops
    assert shop.items.select("item_id", "title", "category", "recommendable").rows() == [
        ("tea", "Tea", ["drinks"], True)
    ]


def test_events_are_no_catalogue(tmp_path: Path) -> None:
    events = written(tmp_path, "e.csv", HEAD, *LINES)
    with pytest.raises(InputError, match=r"e\.csv holds events, not items"):
        read(events, items=events)


def test_lines_that_cannot_be_are_told_and_the_others_taken(tmp_path: Path) -> None:
    found = read(written(tmp_path, "e.csv", HEAD, *LINES, "cat,,view,2026-01-01T10:00:00Z,s3", "dan,tea,stare,x,s4"))
    assert len(found.shops[0].events) == 2
    (remark,) = found.remarks
    assert "2 of 4 lines were not taken; the first, line 4: item_id is missing" in remark


def test_a_retry_is_dropped(tmp_path: Path) -> None:
    lines = [f"{line},{event_id}" for line, event_id in zip((*LINES, LINES[0]), ("1", "2", "1"), strict=True)]
    assert len(read(written(tmp_path, "e.csv", f"{HEAD},event_id", *lines)).shops[0].events) == 2


def test_where_only_sessions_are_known_a_session_is_a_shopper(tmp_path: Path) -> None:
    line = "tea,view,2026-01-01T10:00:00Z,s1"
    (shop,) = read(written(tmp_path, "e.csv", "item_id,event_type,ts,session_id", line)).shops
    assert shop.events.select("shopper", "session_id").row(0) == ("a:s1", "s1")


def test_columns_of_other_names_are_named_on_the_way(tmp_path: Path) -> None:
    path = written(tmp_path, "e.csv", "who,what,event_type,when", "ann,tea,view,2026-01-01 10:00:00")
    names = {"user_id": "who", "item_id": "what", "ts": "when"}
    (shop,) = read(path, reading=Reading(names, "Europe/Berlin")).shops
    assert shop.events["ts"].dt.hour().item() == 9


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("user_id,item_id,event_type", "ann,tea,view"), "has no column 'ts' for ts; name it with --map ts=COLUMN"),
        ((HEAD, "ann,,view,2026-01-01T10:00:00Z,s1"), "no line of .* can be taken; line 2: item_id is missing"),
        ((HEAD, "ann,,search,2026-01-01T10:00:00Z,s1"), "no event in .* is about an item"),
        ((HEAD,), "can be taken; it has no rows"),
    ],
)
def test_what_is_no_file_of_events_is_refused_with_what_to_do(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(written(tmp_path, "e.csv", *lines))
