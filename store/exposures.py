"""What was shown, to whom, by which model: one row an answer, kept for some weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import orjson
from sqlalchemy import Connection, delete, select

from store.bulk import Row, insert_rows
from store.schema import exposures

_COLUMNS = tuple(column.name for column in exposures.columns)


@dataclass(frozen=True, slots=True)
class Exposure:
    """One answer that was given."""

    recommendation_id: str
    ts_us: int
    shopper: str | None
    """A shopper key; None where the request named nobody."""
    placement: str
    model: str
    """Version of the bundle that answered."""
    variant: str | None = None
    """Of an experiment."""
    item_ids: tuple[str, ...] = ()
    """In the order shown: the first stood at position 1."""

    def row(self) -> Row:
        """Return the values of a row. Nothing in a list is left to chance, so every item was shown for certain."""
        return (
            self.recommendation_id,
            self.ts_us,
            self.shopper,
            self.placement,
            self.model,
            self.variant,
            orjson.dumps(self.item_ids).decode(),
            *_places(len(self.item_ids)),
        )


@cache
def _places(n: int) -> tuple[str, str]:
    """Return positions and propensities of a list of n items as JSON; every list of that length has the same."""
    return orjson.dumps(list(range(1, n + 1))).decode(), orjson.dumps([1.0] * n).decode()


def write_exposures(connection: Connection, shown: Sequence[Exposure]) -> None:
    """Store exposures; one that is there already stays as it is."""
    insert_rows(connection, exposures, _COLUMNS, [each.row() for each in shown], "(recommendation_id) DO NOTHING")


def read_exposures(connection: Connection, *, since_us: int, limit: int) -> list[Exposure]:
    """Return the first exposures with ts_us >= since_us in order of time, at most `limit`."""
    columns = exposures.c
    query = (
        select(
            columns.recommendation_id,
            columns.ts_us,
            columns.shopper,
            columns.placement,
            columns.model,
            columns.variant,
            columns.item_ids,
        )
        .where(columns.ts_us >= since_us)
        .order_by(columns.ts_us, columns.recommendation_id)
        .limit(limit)
    )
    return [Exposure(*row[:-1], item_ids=tuple(orjson.loads(row[-1]))) for row in connection.execute(query)]


def prune_exposures(connection: Connection, before_us: int, limit: int) -> int:
    """Delete the oldest exposures with ts_us < before_us, at most `limit`, and return how many they were."""
    columns = exposures.c
    oldest = select(columns.recommendation_id).where(columns.ts_us < before_us).order_by(columns.ts_us).limit(limit)
    return connection.execute(delete(exposures).where(columns.recommendation_id.in_(oldest))).rowcount
