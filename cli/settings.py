"""What the environment tells Endcap: every setting is an environment variable that begins with ENDCAP_."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import ConfigurationError

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


def read_settings() -> Settings:
    """Return the settings; raises ConfigurationError for a name that is not known or a value that cannot be."""
    refuse_unknown_names(os.environ)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{PREFIX}{str(first['loc'][0]).upper()} cannot be used: {first['msg']}; correct it or unset it"
        raise ConfigurationError(message) from error


def refuse_unknown_names(environment: Mapping[str, str]) -> None:
    """Raise ConfigurationError if a variable begins with ENDCAP_ but is no setting: a misspelt one would be ignored."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            nearest = get_close_matches(name.upper(), known, n=1, cutoff=0.0)[0]
            message = (
                f"the environment variable {name} is not a setting of Endcap; did you mean {nearest}? If not, unset it"
            )
            raise ConfigurationError(message)
