"""The pasts of all shoppers, as the store keeps them."""

from collections.abc import Iterator

import numpy as np

from models.history import Past, Summary
from models.packing import pack
from training.data import TrainingData


def pasts_of(data: TrainingData) -> Iterator[tuple[str, Past]]:
    """Give every shopper's key and past, as of the end of the data."""
    ids = data.vocabulary.ids
    starts = np.searchsorted(data.summary.owners, np.arange(len(data.shoppers) + 1))
    for owner, shopper in enumerate(data.shoppers):
        rows: Summary = data.summary.take(slice(starts[owner], starts[owner + 1]))
        yield shopper, Past(data.as_of_us, tuple(ids[row] for row in rows.items), rows)


def stored_pasts(data: TrainingData) -> Iterator[tuple[str, int, str, bytes]]:
    """Give (shopper, as_of_us, memory digest, packed past) for `store.histories.write_pasts`."""
    digest = data.memory.digest()
    for shopper, past in pasts_of(data):
        yield shopper, past.as_of_us, digest, pack(past)
