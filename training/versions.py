"""The name of a bundle."""

import secrets
from datetime import UTC, datetime


def new_version(now: datetime) -> str:
    """Return a name that sorts by time and that two trainings in one minute do not share."""
    return f"{now.astimezone(UTC):%Y-%m-%dT%H%MZ}-{secrets.token_hex(2)}"
