import json
from pathlib import Path

import pytest

from bench import recommend
from bench.rounds import REFERENCE, time_in_rounds
from models.sources import SOURCES
from store.placements import read_placements


def test_every_stage_and_source_is_timed_beside_the_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pinning would outlive the test and slow its neighbours down.
    monkeypatch.setattr(recommend, "pin_to_one_core", lambda: 1)
    path = tmp_path / "figures.json"
    assert recommend.main(["--items", "1500", "--shoppers", "2", "--json", str(path)]) == 0
    told = json.loads(path.read_text())
    assert set(told["sources"]) == set(SOURCES), "every source learns something in the made-up shop"
    timings = {one["name"].strip(): one for one in told["timings"]}
    stages = {
        "context",
        "eligibility",
        "candidates",
        "rank",
        "rules",
        "reasons",
        "recommend()",
        "tell",
        "answer",
        "similar",
    }
    assert set(timings) == {REFERENCE, *stages, *read_placements()["home"].sources}
    assert all(0 < one["median_us"] <= one["p99_us"] for one in timings.values())
    assert timings[REFERENCE]["ratio"] == 1
    assert "x reference" in capsys.readouterr().out


def test_a_ratio_is_that_of_one_round_and_its_spread_is_told() -> None:
    calls = {REFERENCE: [lambda: sum(range(2_000))] * 5, "double": [lambda: sum(range(2_000)) + sum(range(2_000))] * 5}
    reference, double = time_in_rounds(calls, n_rounds=3)
    assert reference.ratio == reference.ratio_low == reference.ratio_high == 1
    assert double.ratio_low <= double.ratio <= double.ratio_high
    assert double.ratio > 1
