import json
from io import StringIO

from rich.console import Console

from store.placements import read_placements
from tests.training.evaluate.shops import CUTOFF
from training.evaluate.protocols import PROTOCOLS
from training.evaluate.report import as_json, as_tables
from training.evaluate.table import Options, Table
from training.ranking import one_per_task
from training.trial import Trial


def tables_of(trial: Trial) -> list[Table]:
    placements, options = one_per_task(read_placements()), Options(seed=1)
    return [measure(trial.snapshot, trial.split, placements, options) for measure in PROTOCOLS.values()]


def printed(table: Table) -> str:
    file = StringIO()
    Console(width=80, file=file).print(as_tables(table))
    return file.getvalue()


def test_json_has_the_promised_shape(trial: Trial) -> None:
    told = json.loads(json.dumps(as_json(tables_of(trial), fit_seconds=1.5)))
    assert told["protocol"] == "temporal+basket"
    assert told["cutoff"].startswith(f"{CUTOFF:%Y-%m-%dT%H:%M:%S}")
    assert told["fit_seconds"] == 1.5
    assert told["evaluate_seconds"] > 0
    assert told["peak_rss_mib"] > 10
    for row in told["rows"]:
        assert {"model", "task", "segment", "metrics"} <= row.keys()
        for figure in row["metrics"].values():
            assert figure["low"] <= figure["value"] <= figure["high"]
    served = {row["task"]: set(row["metrics"]) for row in told["rows"] if row["model"] == "endcap"}
    assert served == {
        "all": {"ndcg@20", "recall@20", "revenue@20"},
        "new": {"ndcg@20", "recall@20", "revenue@20"},
        "basket": {"mrr@10", "recall@10"},
    }


def test_json_holds_a_test_of_every_two_models(trial: Trial) -> None:
    told = as_json(tables_of(trial), fit_seconds=0.0)
    models = {row["model"] for row in told["rows"] if row["task"] == "new"}
    couples = {frozenset((pair["model"], pair["against"])) for pair in told["paired"] if pair["task"] == "new"}
    assert len(couples) == len(models) * (len(models) - 1) / 2


def test_a_table_fits_a_terminal_and_begins_with_the_served_model(trial: Trial) -> None:
    for table in tables_of(trial):
        text = printed(table)
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= 80
        names = [line.split("  ")[0].strip() for line in text.splitlines()]
        first = names.index("endcap")
        assert names[first + 1] == "endcap (display rules)"


def test_a_star_marks_what_differs_from_the_served_model(trial: Trial) -> None:
    table = tables_of(trial)[0]
    first_grid = printed(table).split("\n\n")[0].splitlines()
    for model in ("endcap", "popular all time", "buy_again", "als"):
        figure = next(line for line in first_grid if line.strip().startswith(f"{model} ")).split(model)[1].split()[0]
        pair = table.pair("all", "endcap", model)
        assert ("*" in figure) == (pair is not None and pair.metrics["ndcg@20"].differs)
