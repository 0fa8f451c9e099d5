import json
from datetime import timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from store.events import EVENT_COLUMNS, append_events
from store.items import ITEM_COLUMNS, upsert_items
from store.opening import open_database
from store.settings import remember
from tests.training.evaluate.shops import CUTOFF, weekly_shop
from tests.worlds import NOW, microseconds
from training.cutoff import SHIFT_KEY
from training.read import ShopData

runner = CliRunner()


def put(shop: ShopData, home: Path) -> None:
    """Store a shop whose times were moved by a week when it was imported."""
    database = open_database(f"sqlite:///{home / 'endcap.sqlite3'}")
    events = shop.events.with_columns(
        event_id=pl.format("e{}", pl.int_range(pl.len())),
        digest=pl.int_range(pl.len()),
        user_id=pl.col("shopper").str.slice(2),
        ts_us=pl.col("ts").dt.timestamp("us"),
    )
    items = shop.items.with_columns(
        category=pl.format('["{}"]', pl.col("category").list.first()),
        published_at_us=pl.col("published_at").dt.timestamp("us"),
    ).drop("tags", "attributes", "embedding")
    with database.writing() as connection:
        append_events(connection, rows_of(events, EVENT_COLUMNS))
        upsert_items(connection, rows_of(items, ITEM_COLUMNS), now_us=microseconds(NOW))
        remember(connection, SHIFT_KEY, "1")
    database.close()


def rows_of(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[tuple[object, ...]]:
    return frame.select(pl.col(name) if name in frame.columns else pl.lit(None).alias(name) for name in columns).rows()


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the weekly shop, which no test changes."""
    home = tmp_path_factory.mktemp("home")
    put(weekly_shop(), home)
    return home


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "training.toml"
    path.write_text("min_shoppers = 2\n[sources]\nals = {}\npopular = {}\nbuy_again = {}\nbought_together = {}\n")
    return path


def evaluate(home: Path, *arguments: str) -> Result:
    return runner.invoke(app, ["evaluate", *arguments], env={"ENDCAP_HOME": str(home), "COLUMNS": "100"})


def test_both_protocols_are_measured_a_horizon_before_the_end(stocked: Path, config: Path, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    result = evaluate(stocked, "--config", str(config), "--json", str(path), "--processes", "2")
    assert result.exit_code == 0, result.output
    told = json.loads(path.read_text())
    assert told["protocol"] == "temporal+basket"
    assert told["horizon_days"] == 28
    models = {(row["task"], row["model"]) for row in told["rows"]}
    for task in ("all", "new", "basket"):
        for model in ("endcap", "als", "popular", "buy_again", "bought_together", "popular all time", "popular recent"):
            assert (task, model) in models
    for title in ("temporal, task all", "temporal, task new", "basket, task basket"):
        assert title in result.output
    assert "95 % intervals" in result.output


def test_standard_output_holds_json_alone(stocked: Path, config: Path) -> None:
    arguments = ("--protocol", "temporal", "--models", "endcap,popular", "--json", "-", "--config", str(config))
    told = json.loads(evaluate(stocked, *arguments).stdout)
    assert told["protocol"] == "temporal"
    # The blend has a row of its own where there was enough to learn a ranker from.
    assert {row["model"] for row in told["rows"]} - {"endcap (blend alone)"} == {
        "endcap",
        "endcap (display rules)",
        "popular",
        "popular all time",
        "popular recent",
    }


def test_a_date_is_one_of_the_data_as_it_came(stocked: Path, config: Path) -> None:
    came = f"{CUTOFF:%Y-%m-}{CUTOFF.day - 2:02}"
    arguments = ("--cutoff", came, "--horizon-days", "7", "--protocol", "temporal", "--models", "popular recent")
    told = json.loads(evaluate(stocked, *arguments, "--json", "-", "--config", str(config)).stdout)
    # The times were moved by a week.
    assert told["cutoff"].startswith(f"{CUTOFF:%Y-%m-}{CUTOFF.day + 5:02}T00:00")
    assert told["horizon_days"] == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--protocol", "tempral"), "there is no protocol 'tempral'; there are: temporal, basket, leave-one-out"),
        (("--models", "endcap,popluar"), "did you mean 'popular'?"),
        (("--cutoff", "yesterday"), "neither a date such as"),
        (("--cutoff", "2031-01-01"), "leaves nothing to measure on"),
        (("--cutoff", "2001-01-01"), "choose a"),
        (("--cutoff", "-7d", "--horizon-days", "400"), "set --horizon-days to 7 at most"),
        (
            ("--protocol", "next-item", "--cutoff", "-7d", "--horizon-days", "400"),
            "set --horizon-days to 7 at most",
        ),
        (("--json", "nowhere/figures.json"), "the folder of nowhere/figures.json is not there"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_that_says_what_to_do(
    stocked: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = evaluate(stocked, *arguments)
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1 or "read" in result.output


def test_a_protocol_that_the_data_does_not_allow_is_left_out_unless_it_was_asked_for(
    tmp_path: Path, config: Path
) -> None:
    shop = weekly_shop()
    put(ShopData(shop.events.with_columns(order_id=pl.lit(None, pl.String)), shop.items, 0), tmp_path)
    result = evaluate(tmp_path, "--config", str(config), "--models", "popular")
    assert result.exit_code == 0, result.output
    assert "protocol basket is left out" in result.output
    assert "temporal, task all" in result.output
    alone = evaluate(tmp_path, "--config", str(config), "--protocol", "basket")
    assert alone.exit_code == 1
    assert "import purchases with their order_id" in alone.stderr


def test_an_empty_database_says_what_to_import(tmp_path: Path) -> None:
    result = evaluate(tmp_path)
    assert result.exit_code == 1
    assert "endcap import" in result.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shoppers who walk along a street of items, a session a week; as one file, as two, and with a catalogue."""
    folder = tmp_path_factory.mktemp("files")
    chance, events = Random("street"), []  # noqa: S311 - a shop, not a secret
    for shopper in range(40):
        for week in range(10):
            at, begins = chance.randrange(30), NOW - timedelta(days=7 * week + chance.randrange(1, 7))
            events += [
                {
                    "user_id": str(shopper),
                    "session_id": f"{shopper}-{week}",
                    "order_id": f"{shopper}-{week}",
                    "item_id": f"i{(at + step) % 30:02}",
                    "event_type": "purchase",
                    "ts": begins + timedelta(minutes=step),
                }
                for step in range(3)
            ]
    frame = pl.DataFrame(events).sort("ts")
    frame.write_parquet(folder / "events.parquet")
    later = pl.col("ts") > NOW - timedelta(days=14)
    frame.filter(~later).write_parquet(folder / "train.parquet")
    frame.filter(later).write_parquet(folder / "test.parquet")
    pl.DataFrame({"item_id": [f"i{number:02}" for number in range(30)]}).write_csv(folder / "items.csv")
    return folder


def on_files(folder: Path, arguments: tuple[str, ...]) -> list[str]:
    """Arguments in which @name stands for a file."""
    return [str(folder / one[1:]) if one.startswith("@") else one for one in arguments]


ON_FILES = [
    (("--events", "@events.parquet"), "temporal+basket", {"all": "ndcg@20", "new": "recall@20", "basket": "mrr@10"}),
    (
        ("--protocol", "leave-one-out", "--events", "@events.parquet", "--items", "@items.csv"),
        "leave-one-out",
        {"leave-one-out": "recall@5 recall@10 recall@20 ndcg@5 ndcg@10 ndcg@20"},
    ),
    (
        ("--protocol", "leave-one-out", "--events", "@events.parquet", "--ranker-labels", "validation", "--refit"),
        "leave-one-out (ranker labels: validation, sources see the validation item)",
        {"leave-one-out": "ndcg@10"},
    ),
    (
        ("--protocol", "next-item", "--train", "@train.parquet", "--test", "@test.parquet"),
        "next-item",
        {"all": "mrr@20 recall@20", "move": "mrr@20 recall@20"},
    ),
    (
        ("--protocol", "item-to-item", "--events", "@events.parquet", "--cutoff", "-10d"),
        "item-to-item",
        {"item-to-item": "mrr@20 recall@20"},
    ),
    (
        ("--protocol", "fixed-split", "--train", "@train.parquet", "--test", "@test.parquet"),
        "fixed-split",
        {"fixed-split": "ndcg@20 recall@20"},
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "protocol", "metrics_of"), ON_FILES)
def test_every_protocol_is_measured_on_files_without_a_database(
    files: Path, tmp_path: Path, config: Path, arguments: tuple[str, ...], protocol: str, metrics_of: dict[str, str]
) -> None:
    given = on_files(files, arguments)
    result = evaluate(tmp_path, *given, "--config", str(config), "--json", "-", "--processes", "1")
    assert result.exit_code == 0, result.output
    assert not list(tmp_path.glob("*.sqlite3"))
    told = json.loads(result.stdout)
    assert told["protocol"] == protocol
    assert {"fit_seconds", "evaluate_seconds", "peak_rss_mib", "paired"} <= told.keys()
    assert {row["task"] for row in told["rows"]} == metrics_of.keys()
    for task, metrics in metrics_of.items():
        rows = {row["model"]: row for row in told["rows"] if row["task"] == task}
        assert {"endcap", "popular all time", "popular recent"} <= rows.keys()
        assert set(metrics.split()) <= rows["endcap"]["metrics"].keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--protocol", "fixed-split", "--events", "@events.parquet"), "takes two files: give --train and --test"),
        (("--protocol", "temporal", "--train", "@train.parquet", "--test", "@test.parquet"), "give --events instead"),
        (("--train", "@train.parquet"), "--train and --test go together"),
        (("--events", "@events.parquet", "--train", "@train.parquet"), "give the one or the others"),
        (("--items", "@items.csv"), "give --events too"),
        (("--protocol", "next-item", "--events", "@items.csv"), "has no column 'event_type'"),
        (("--protocol", "leave-one-out", "--events", "@events.parquet", "--cutoff", "-7d"), "leave --cutoff out"),
        (("--protocol", "temporal", "--events", "@events.parquet", "--refit"), "belong to --protocol leave-one-out"),
        (("--protocol", "leave-one-out", "--ranker-labels", "last"), "one of third-last, validation"),
        (("--events", "@nowhere.parquet"), "cannot read"),
    ],
)
def test_files_and_options_that_do_not_go_together_are_refused_with_what_to_do(
    files: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = evaluate(tmp_path, *on_files(files, arguments))
    assert result.exit_code == 1
    assert message in result.stderr
