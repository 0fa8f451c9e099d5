import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from cli.main import app
from store.events import EVENT_COLUMNS, append_events
from store.items import ITEM_COLUMNS, upsert_items
from store.opening import open_database
from tests.training.checks.shops import normal_shop
from tests.worlds import NOW, microseconds
from training.checks.evidence import Evidence
from training.checks.run import Checks

runner = CliRunner()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An Endcap without data."""
    monkeypatch.setenv("ENDCAP_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path / "var"


@pytest.fixture
def fill(home: Path) -> Callable[[Evidence], None]:
    """Put a shop into the database, with its times moved as if its last day were today."""

    def put(shop: Evidence) -> None:
        database = open_database(f"sqlite:///{home / 'endcap.sqlite3'}")
        events = shop.events.with_columns(
            event_id=pl.format("e{}", pl.int_range(pl.len())),
            digest=pl.int_range(pl.len()),
            user_id=pl.when(pl.col("shopper").str.starts_with("u:")).then(pl.col("shopper").str.slice(2)),
            anonymous_id=pl.when(pl.col("shopper").str.starts_with("a:")).then(pl.col("shopper").str.slice(2)),
            ts_us=(pl.col("ts") + (datetime.now(UTC) - NOW)).dt.timestamp("us"),
        )
        with database.writing() as connection:
            append_events(connection, _rows(events, EVENT_COLUMNS))
            items = shop.items.with_columns(
                category=pl.col("category").map_elements(lambda path: json.dumps(list(path)), pl.String),
                published_at_us=pl.col("published_at").dt.timestamp("us"),
            ).drop("tags", "attributes", "embedding")
            upsert_items(connection, _rows(items, ITEM_COLUMNS), now_us=microseconds(NOW))
        database.close()

    return put


def _rows(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[tuple[object, ...]]:
    return frame.select(pl.col(name) if name in frame.columns else pl.lit(None).alias(name) for name in columns).rows()


def only_purchases(shop: Evidence) -> Evidence:
    events = shop.events.with_columns(event_type=pl.lit("purchase"))
    return Evidence(events, shop.items, shop.now_us, shop.horizon_days, shop.min_shoppers, shop.liking)


def test_a_shop_with_nothing_wrong_passes_and_exits_with_0(fill: Callable[[Evidence], None]) -> None:
    fill(normal_shop())
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0, result.output
    assert f"{len(Checks.model_fields)} PASS, 0 WARN, 0 FAIL: a training will run." in result.stdout
    for name in Checks.model_fields:
        assert name in result.stdout


def test_a_warning_says_what_to_do_and_exits_with_0(fill: Callable[[Evidence], None]) -> None:
    fill(only_purchases(normal_shop()))
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    assert "Every event is a purchase." in result.stdout
    assert "Nothing, if this is all that the shop records." in result.stdout
    assert "1 WARN" in result.stdout


def test_a_failure_exits_with_1_after_all_findings_are_told(fill: Callable[[Evidence], None], tmp_path: Path) -> None:
    fill(normal_shop())
    training = tmp_path / "training.toml"
    training.write_text("horizon_days = 100\n")
    result = runner.invoke(app, ["check", "--config", str(training)])
    assert result.exit_code == 1
    assert "Needed: 200 days of events" in result.stdout
    assert "price_units" in result.stdout
    assert "1 FAIL: no training will run" in result.stdout


def test_a_threshold_is_read_from_the_training_file(fill: Callable[[Evidence], None], tmp_path: Path) -> None:
    fill(normal_shop())
    training = tmp_path / "training.toml"
    training.write_text("[checks.too_little_to_learn_from]\nshoppers_needed = 1000\n")
    assert runner.invoke(app, ["check", "--config", str(training)]).exit_code == 1
    training.write_text("[checks.too_little_to_learn_from]\nshopers_needed = 1000\n")
    result = runner.invoke(app, ["check", "--config", str(training)])
    assert result.exit_code == 1
    assert "shopers_needed" in result.stderr


def test_json_on_standard_output_is_json_and_nothing_else(fill: Callable[[Evidence], None]) -> None:
    fill(only_purchases(normal_shop()))
    told = json.loads(runner.invoke(app, ["check", "--json", "-"]).stdout)
    assert told["level"] == "WARN"
    assert [finding["check"] for finding in told["findings"]] == list(Checks.model_fields)
    finding = next(found for found in told["findings"] if found["level"] == "WARN")
    assert set(finding) == {"check", "level", "counts", "what", "to_do"}
    assert finding["counts"] == {"purchase": normal_shop().events.height}


def test_json_in_a_file_comes_beside_the_table_and_is_for_its_owner_alone(
    fill: Callable[[Evidence], None], tmp_path: Path
) -> None:
    fill(normal_shop())
    path = tmp_path / "findings.json"
    result = runner.invoke(app, ["check", "--json", str(path)])
    assert "price_units" in result.stdout
    assert json.loads(path.read_text())["level"] == "PASS"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_not_learned_from_is_told_step_by_step(fill: Callable[[Evidence], None], tmp_path: Path) -> None:
    shop = normal_shop()
    fill(replace(shop, items=shop.items.with_columns(recommendable=pl.col("item_id") != "i0")))
    training = tmp_path / "training.toml"
    training.write_text("[cleaning]\nwarn_share = 0.01\n[cleaning.robots]\non = false\n")
    result = runner.invoke(app, ["check", "--config", str(training)])
    n_gone = shop.events.filter(pl.col("item_id") == "i0").height
    assert f"{n_gone:,} events are about 1 items that are no products." in result.stdout
    assert re.search(r"robots +│ +│ turned off", result.stdout)
    assert "WARN cleaning.no_products removes" in result.stdout
    assert f"{shop.events.height - n_gone:,} of {shop.events.height:,} events are learned from" in result.stdout
    told = json.loads(runner.invoke(app, ["check", "--config", str(training), "--json", "-"]).stdout)
    assert told["cleaning"]["events"] == shop.events.height
    assert told["cleaning"]["steps"]["no_products"] == {"events": n_gone, "items": 1, "not_in_catalogue": 0}
    assert "robots" not in told["cleaning"]["steps"]


def test_a_file_that_cannot_be_written_is_refused_in_one_line(fill: Callable[[Evidence], None], tmp_path: Path) -> None:
    fill(normal_shop())
    result = runner.invoke(app, ["check", "--json", str(tmp_path / "no folder" / "findings.json")])
    assert result.exit_code == 1
    assert "cannot write the findings" in result.stderr
    assert "choose another file" in result.stderr


@pytest.mark.usefixtures("home")
def test_an_empty_database_names_the_command_that_fills_it() -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert result.stderr.startswith("endcap: the database has no events; run `endcap import")
    assert result.stdout == ""


def test_events_without_a_catalogue_name_the_command_that_brings_it(fill: Callable[[Evidence], None]) -> None:
    shop = normal_shop()
    fill(Evidence(shop.events, shop.items.clear(), shop.now_us, 28, 5, shop.liking))
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert "run `endcap import items PATH`" in result.stderr
