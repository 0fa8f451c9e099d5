"""A file is given line by line with its numbers, and one that breaks off is given up to there."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InputError
from tests.training.importing.shop_files import event, events, write_csv, write_json_lines, write_parquet
from training.importing import files
from training.importing.files import Batch, BrokenFileError, open_file


def read(path: Path) -> tuple[list[Batch], str]:
    """The batches that a file gives, and why it broke off."""
    batches = []
    try:
        for batch in open_file(path).batches():
            batches.append(batch)  # noqa: PERF402 - what came before the error counts
    except BrokenFileError as error:
        return batches, str(error)
    return batches, ""


def lines_of(batches: list[Batch]) -> list[int]:
    return [line for batch in batches for line in batch.lines.tolist()]


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH_LINES", 4)


@pytest.mark.usefixtures("small_batches")
def test_every_format_gives_the_same_lines_in_order(tmp_path: Path) -> None:
    lines = events(10)
    paths = {
        2: write_csv(tmp_path / "a.csv", lines),
        1: write_json_lines(tmp_path / "a.jsonl", lines),
    }
    for first_line, path in paths.items():
        batches, broken = read(path)
        assert not broken
        assert [len(batch.frame) for batch in batches] == [4, 4, 2]
        assert lines_of(batches) == list(range(first_line, first_line + 10))
        assert pl.concat([batch.frame for batch in batches]).rows() == [
            tuple(str(value) for value in line.values()) for line in lines
        ]
    batches, _ = read(write_parquet(tmp_path / "a.parquet", lines))
    assert lines_of(batches) == list(range(1, 11))
    assert pl.concat([batch.frame for batch in batches]).rows(named=True) == lines


def test_a_csv_line_has_the_number_at_which_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfid, note\r\n1,"two\nlines"\r\n\r\n2,"a ""quoted"", comma"\r\n3,last')
    [batch], broken = read(path)
    assert not broken
    assert batch.frame.rows() == [("1", "two\nlines"), ("2", 'a "quoted", comma'), ("3", "last")]
    assert batch.frame.columns == ["id", "note"]
    assert batch.lines.tolist() == [2, 5, 6]


def test_a_csv_line_with_another_number_of_fields_is_rejected_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,note\n1,a\n2,b,c\n3\n4,d\n")
    [batch], broken = read(path)
    assert not broken
    assert batch.frame["id"].to_list() == ["1", "4"]
    assert [(reject.line, reject.row) for reject in batch.unreadable] == [
        (3, {"id": "2", "note": "b"}),
        (4, {"id": "3"}),
    ]
    assert "3 fields where the first line names 2" in batch.unreadable[0].reason


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("torn.jsonl", b'{"a": 1}\n{"a": 2}\n{"a":', 3),
        ("middle.jsonl", b'{"a": 1}\n{"a": 2}\nnot json\n{"a": 4}\n', 3),
        ("latin1.jsonl", b'{"a": 1}\n{"a": 2}\n{"a": "\xe9"}\n', 3),
        ("torn.csv", b"a,b\n1,1\n2,2\n3", 4),
        ("quote.csv", b'a,b\n1,1\n2,2\n3,"no end\n4,4\n', 4),
        ("latin1.csv", b"a,b\n1,1\n2,2\n3,\xe9\n4,4\n", 4),
    ],
)
def test_a_file_that_breaks_off_gives_what_came_before_and_says_the_line(
    tmp_path: Path, name: str, content: bytes, line: int
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    batches, broken = read(path)
    assert [value for batch in batches for value in batch.frame["a"].to_list()] == ["1", "2"]
    assert f"from line {line} on" in broken


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    whole = write_parquet(tmp_path / "a.parquet", events(100)).read_bytes()
    path = tmp_path / "torn.parquet"
    path.write_bytes(whole[: len(whole) // 2])
    batches, broken = read(path)
    assert not batches
    assert "from line 1 on" in broken


def test_json_that_is_no_object_or_no_text_is_rejected_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "1"}\n[1]\n\n{"a": "\\ud800"}\n{"a": "\\ud83d\\ude00", "b": [1, {"c": true}]}\n')
    [batch], broken = read(path)
    assert not broken
    assert batch.frame.rows() == [("1", None), ("😀", '[1, {"c": true}]')]
    assert batch.lines.tolist() == [1, 5]
    assert [reject.line for reject in batch.unreadable] == [2, 4]


def test_values_of_json_lines_keep_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 123456789012345678901234567890, "b": NaN, "c": true, "d": null, "e": 0.1}\n')
    [batch], _ = read(path)
    assert batch.frame.rows() == [("123456789012345678901234567890", "NaN", "true", None, "0.1")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "is empty"),
        ("empty.parquet", b"", "is empty"),
        ("notes.txt", b"a", ".parquet, .csv, .jsonl"),
        ("twice.csv", b"a,b,a\n1,2,3\n", "each by another name"),
        ("blank.csv", b"\n1,2\n", "must name its columns"),
    ],
)
def test_a_file_that_cannot_be_what_it_says_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        list(open_file(path).batches())


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_file(tmp_path / "nothing.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        open_file(tmp_path / "folder.csv")


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    one, same, other = (write_csv(tmp_path / f"{n}.csv", [event(n // 2)]) for n in (2, 3, 4))
    assert open_file(one).sha256 == open_file(same).sha256 != open_file(other).sha256


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\0")), min_size=1, max_size=5))
def test_what_a_csv_file_says_comes_back(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    path = write_csv(tmp_path_factory.mktemp("csv") / "a.csv", [{"a": value, "b": "end"} for value in values])
    [batch], broken = read(path)
    assert not broken
    assert batch.frame["a"].to_list() == values
