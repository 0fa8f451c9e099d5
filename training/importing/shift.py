"""The times of a data set that is years old, moved by whole weeks to end in the week before its first import."""

from models.errors import InputError
from store.database import Database
from store.settings import recall, remember
from training.cutoff import SHIFT_KEY, WEEK_US


def weeks_between(data_end_us: int, now_us: int) -> int:
    """Return how many whole weeks the times move so that the data ends in the week before `now_us`."""
    return (now_us - data_end_us) // WEEK_US


def decide_shift(database: Database, *, data_end_us: int, now_us: int, keep_times: bool) -> int:
    """Return how many weeks the times of the data set move in this database; the first import decides for all.

    data_end_us: the newest time in the data set as it comes.
    keep_times: move them by no week.
    Raises InputError when the times are to be kept in a database that has moved ones.
    """
    weeks = 0 if keep_times else weeks_between(data_end_us, now_us)
    with database.reading() as connection:
        decided = recall(connection, SHIFT_KEY)
    if decided is None:
        with database.writing() as connection:
            decided = remember(connection, SHIFT_KEY, str(weeks))
    if keep_times and int(decided) != 0:
        message = (
            f"the database {database.name} has these events moved by {decided} weeks, which --keep-times cannot undo; "
            "name another in ENDCAP_DATABASE_URL"
        )
        raise InputError(message)
    return int(decided)
