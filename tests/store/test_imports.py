"""An import goes on where it stopped, and two on one file do not step on each other."""

import pytest

from models.errors import BusyError
from store.database import Database
from store.events import append_events, data_window
from store.imports import ImportRun, advance_import, begin_import, finish_import
from tests.store.rows import event_rows


def begin(database: Database, *, sha256: str = "s", mapping: str = "m", kind: str = "events") -> ImportRun:
    with database.writing() as connection:
        return begin_import(connection, kind=kind, source="x.csv", sha256=sha256, mapping=mapping, now_us=1)


def advance(database: Database, run: ImportRun) -> ImportRun:
    with database.writing() as connection:
        append_events(connection, event_rows(6, f"{run.lines_done}-"))
        return advance_import(connection, run, lines=10, accepted=6, duplicates=3, rejected=1)


def test_a_broken_import_goes_on_after_the_lines_that_are_done(database: Database) -> None:
    run = advance(database, advance(database, begin(database)))
    assert begin(database) == run
    assert (run.lines_done, run.accepted, run.duplicates, run.rejected, run.state) == (20, 12, 6, 2, "running")


@pytest.mark.parametrize("other", [{"sha256": "t"}, {"mapping": "n"}, {"kind": "items"}], ids=str)
def test_another_file_or_another_meaning_of_its_lines_begins_anew(database: Database, other: dict[str, str]) -> None:
    advance(database, begin(database))
    assert begin(database, **other).lines_done == 0


def test_a_finished_import_begins_anew(database: Database) -> None:
    run = advance(database, begin(database))
    with database.writing() as connection:
        finished = finish_import(connection, run, now_us=2)
    assert (finished.state, finished.finished_us, finished.lines_done) == ("finished", 2, 10)
    assert begin(database).lines_done == 0


def test_the_second_of_two_imports_of_one_file_is_told_and_stores_nothing(database: Database) -> None:
    run, same = begin(database), begin(database)
    advance(database, run)
    with pytest.raises(BusyError, match=r"another process is importing x\.csv"):
        advance(database, same)
    with database.reading() as connection:
        assert data_window(connection).n_events == 6
