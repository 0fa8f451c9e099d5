"""The name of a bundle."""

import secrets
from datetime import UTC, datetime


def new_version(now: datetime) -> str:
    """Return a name that sorts by time and that two trainings in one second do not share."""
    return f"{now.astimezone(UTC):%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(2)}"
