"""A file is replaced whole, or stays as it was."""

import stat
from pathlib import Path

import pytest

from store.files import replaced_whole


def write_then_fail(path: Path) -> None:
    with replaced_whole(path) as partial:
        partial.write_text("half")
        raise ZeroDivisionError


def test_a_file_is_there_only_once_it_is_whole_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replaced_whole(path) as partial:
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_writing_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_then_fail(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
