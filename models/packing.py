"""A past as one value: what the database keeps per shopper, and later a field in Redis.

Layout: a JSON header line (format, as_of_us, number of items), the item ids a line each (ids hold no control
characters), the columns of the summary one after another, little-endian, and a digest of all that. `owners` and
`items` are implied.
"""

import hashlib
import json

import numpy as np

from models.errors import StoreError
from models.history import Past, Summary

FORMAT = 1
_DIGEST_SIZE = 8
_COLUMNS = {
    "first_us": "<i8",
    "last_us": "<i8",
    "first_purchase_us": "<i8",
    "last_purchase_us": "<i8",
    "counts": "<i4",
    "purchases": "<i4",
    "priced": "<i4",
    "decayed": "<f4",
    "usual_prices": "<f4",
}


def pack(past: Past) -> bytes:
    """Return a past as bytes: 52 bytes an item plus its id."""
    header = json.dumps({"format": FORMAT, "as_of_us": past.as_of_us, "n_items": len(past.item_ids)})
    columns = [getattr(past.rows, name).astype(dtype).tobytes() for name, dtype in _COLUMNS.items()]
    packed = b"".join([("\n".join([header, *past.item_ids]) + "\n").encode(), *columns])
    return packed + _digest(packed)


def unpack(packed: bytes) -> Past:
    """Return the past that `pack` wrote. Raises StoreError on anything else: rebuild it from the events."""
    body = packed[:-_DIGEST_SIZE]
    if packed[-_DIGEST_SIZE:] != _digest(body):
        msg = "a stored history is damaged; rebuild it by training"
        raise StoreError(msg)
    line, _, rest = body.partition(b"\n")
    header = json.loads(line)
    if header["format"] != FORMAT:
        msg = f"a stored history has format {header['format']}, this Endcap reads {FORMAT}; rebuild it by training"
        raise StoreError(msg)
    n = header["n_items"]
    offset = len(rest) - n * sum(np.dtype(dtype).itemsize for dtype in _COLUMNS.values())
    item_ids = tuple(rest[:offset].decode().split("\n")[:-1])
    columns = {}
    for name, dtype in _COLUMNS.items():
        columns[name] = np.frombuffer(rest, dtype=dtype, count=n, offset=offset)
        offset += n * np.dtype(dtype).itemsize
    rows = np.arange(n, dtype=np.int32)
    return Past(header["as_of_us"], item_ids, Summary(owners=np.zeros_like(rows), items=rows, **columns))


def _digest(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, digest_size=_DIGEST_SIZE).digest()
