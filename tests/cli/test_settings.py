from pathlib import Path

import pytest

from cli.settings import read_settings
from models.errors import ConfigurationError


def test_everything_is_kept_in_var_unless_told_otherwise() -> None:
    settings = read_settings()
    assert settings.home == Path("var")
    assert settings.database_url == "sqlite:///var/endcap.sqlite3"
    assert settings.bundles == Path("var/bundles")


def test_home_moves_what_has_no_place_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENDCAP_HOME", str(tmp_path))
    monkeypatch.setenv("ENDCAP_DATABASE_URL", "postgresql+psycopg://shop@localhost/endcap")
    settings = read_settings()
    assert settings.database_url == "postgresql+psycopg://shop@localhost/endcap"
    assert settings.bundles == tmp_path / "bundles"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDCAP_HOME", "")
    assert read_settings().home == Path("var")


def test_an_unknown_name_is_refused_with_the_nearest_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDCAP_DATABASE", "sqlite:///elsewhere.sqlite3")
    with pytest.raises(ConfigurationError, match=r"ENDCAP_DATABASE is not .* did you mean ENDCAP_DATABASE_URL\?"):
        read_settings()


def test_a_password_in_the_url_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDCAP_DATABASE_URL", "postgresql+psycopg://shop:hunter2@localhost/endcap")
    assert "hunter2" not in repr(read_settings())
