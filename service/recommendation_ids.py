"""The name of one answer: exposures and later events carry it."""

import os
import time

PREFIX = "rec_"
_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62


def new_recommendation_id() -> str:
    """Return `rec_` and a UUID of version 7 (RFC 9562) in hexadecimal: ids sort by the millisecond of their making."""
    chance = int.from_bytes(os.urandom(10))
    upper = (time.time_ns() // 1_000_000) << 80 | _VERSION_7 | (chance >> 62 & 0xFFF) << 64
    return f"{PREFIX}{upper | _VARIANT | chance & 0x3FFF_FFFF_FFFF_FFFF:032x}"
