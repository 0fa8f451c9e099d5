"""What an event says, in one form: two that say the same have the same digest, whichever way they came."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

DIGEST_BYTES = 8
"""Of the hash of an event, which fills a BIGINT."""


def digest_of(fields: Mapping[str, Any]) -> bytes:
    """Hash an event: its fields as a JSON object. Shape: DIGEST_BYTES, little-endian.

    fields: in the order of their names, as the store keeps them, without those that the event does not have.
    """
    return blake2b(orjson.dumps(fields), digest_size=DIGEST_BYTES).digest()


def write_map(fields: Mapping[str, Any]) -> str:
    """Return a map as JSON with its keys in order and without those that are null.

    Raises ValueError, or RecursionError, for what JSON has no words for, or has them nested too deep.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    written = json.dumps(known, ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":"))
    written.encode()  # half of a surrogate pair is no text
    return written
