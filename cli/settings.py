"""What the environment tells Endcap: every setting is an environment variable that begins with ENDCAP_."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import ConfigurationError
from models.meant import nearest

PREFIX = "ENDCAP_"


def _database_in_home(settings: dict[str, Any]) -> str:
    return f"sqlite:///{settings['home'] / 'endcap.sqlite3'}"


def _bundles_in_home(settings: dict[str, Any]) -> Path:
    home: Path = settings["home"]
    return home / "bundles"


class Settings(BaseSettings):
    """Where Endcap keeps what it knows; read once at the start of a command."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    home: Path = Field(default=Path("var"))
    """Folder for all that is kept when nothing else is set; relative to where the command is started."""

    database_url: str = Field(default_factory=_database_in_home, repr=False)
    """SQLAlchemy's URL: an SQLite file in home, or postgresql+psycopg://...; may hold a password."""

    bundles: Path = Field(default_factory=_bundles_in_home)
    """Folder of the published bundles."""

    placements: Path | None = None
    """TOML file that changes or adds placements; the built-in ones stay where it says nothing."""

    host: str = "127.0.0.1"
    """Address that the service listens on; any that is not this machine's own needs an api_key."""

    port: int = Field(default=8000, ge=1, le=65_535)
    """Port that the service listens on."""

    workers: int = Field(default=1, ge=1, le=64)
    """Processes that answer; more than one needs Redis and PostgreSQL, in which they share what they know."""

    redis_url: str | None = Field(default=None, repr=False)
    """redis://... or rediss://...: cache and memory of several processes; without it one process keeps its own."""

    api_key: str | None = Field(default=None, repr=False)
    """What callers must send, as Bearer token or as the user of Basic, for everything but /livez."""

    catalogue_refresh_seconds: float = Field(default=5.0, gt=0, le=3_600)
    """How old the stock and the prices may be that an answer is made from."""

    events_keep_days: int = Field(default=730, ge=1, le=36_500)
    """How old an event may be that comes in over HTTP."""

    exposures_keep_days: int = Field(default=30, ge=1, le=36_500)
    """How long it is kept what was shown to whom."""

    exposure_sample: float = Field(default=1.0, ge=0, le=1)
    """The share of answers that leave a record of what was shown."""


def read_settings(given: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings; raises ConfigurationError for a name that is not known or a value that cannot be.

    given: values by field that take the place of the environment's.
    """
    refuse_unknown_names(os.environ)
    try:
        return Settings(**(given or {}))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{PREFIX}{str(first['loc'][0]).upper()} cannot be used: {first['msg']}; correct it or unset it"
        raise ConfigurationError(message) from error


def refuse_unknown_names(environment: Mapping[str, str]) -> None:
    """Raise ConfigurationError if a variable begins with ENDCAP_ but is no setting: a misspelt one would be ignored."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise ConfigurationError(
                f"the environment variable {name} is not a setting of Endcap; "
                f"did you mean {nearest(name.upper(), known)}? If not, unset it"
            )
