"""Two recipes know the same past and are asked the same questions, whatever each makes of the past."""

from dataclasses import replace
from io import StringIO

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from models.errors import InputError, TrainingError
from store.placements import read_placements
from tests.shops import FEW_SOURCES, HORIZON_DAYS, RECIPE, changed, corner_shop
from tests.worlds import NOW, microseconds
from training.compare import ONE, OTHER, Side, measure_both, measure_rivals, of_tasks, stages_of
from training.evaluate.comparison import paired_tests
from training.evaluate.lists import Rival
from training.evaluate.protocols import Given
from training.evaluate.table import ALL, Options
from training.fitting import lay_out
from training.progress import Steps
from training.trial import fit_stages

PLACEMENTS = read_placements()
GIVEN = Given(corner_shop(), microseconds(NOW), usual_days=HORIZON_DAYS)
OPTIONS = Options(seed=1)


def test_two_recipes_of_two_horizons_are_measured_on_the_same_days() -> None:
    other = FEW_SOURCES.model_copy(update={"horizon_days": 7})
    stages = [stages_of(recipe, GIVEN, ("temporal",), 1) for recipe in (FEW_SOURCES, other)]
    assert len({one.testing.past.until_us for one in stages}) == 1
    assert len({one.learning[-1].past.until_us for one in stages}) == 2


def test_it_is_told_where_the_data_has_fewer_horizons_than_a_recipe_learns_from() -> None:
    greedy = FEW_SOURCES.model_copy(update={"ranker": FEW_SOURCES.ranker.model_copy(update={"horizons": 50})})
    stages = stages_of(greedy, GIVEN, ("temporal",), 1)
    told = f"rankings learn from {len(stages.learning)} of 50 horizons: no event lies before the cutoff"
    assert stages.fewer.startswith(told)
    assert not stages_of(FEW_SOURCES, GIVEN, ("temporal",), 1).fewer
    said = StringIO()
    sides = Side("few", FEW_SOURCES), Side("greedy", greedy.model_copy(update={"sources": {"popular": {}}}))
    measure_both(sides, GIVEN, ("temporal",), PLACEMENTS, OPTIONS, Steps(Console(file=said, width=400)))
    assert said.getvalue().count("WARN rankings learn from") == 1


def test_a_recipe_against_itself_differs_in_nothing() -> None:
    sides = Side("one", FEW_SOURCES), Side("other", FEW_SOURCES)
    (table,) = measure_both(sides, GIVEN, ("temporal",), PLACEMENTS, OPTIONS, Steps())
    assert {row.model for row in table.rows} == {ONE, OTHER}
    for contrast in paired_tests(table, ONE, OTHER, seed=1):
        assert (contrast.gained, contrast.lost, contrast.comparison.p_value) == (0.0, 0.0, 1.0)


def test_a_side_that_cannot_be_fitted_is_named() -> None:
    hopeless = FEW_SOURCES.model_copy(update={"sources": {"als": {}}, "min_shoppers": 5_000})
    sides = Side("mine.toml", FEW_SOURCES), Side("theirs.toml", hopeless)
    with pytest.raises(TrainingError, match=r"theirs\.toml cannot be fitted on what comes before the test: no source"):
        measure_both(sides, GIVEN, ("temporal",), PLACEMENTS, OPTIONS, Steps())


def test_days_without_purchases_are_refused_before_anything_is_fitted() -> None:
    shop = changed(GIVEN.shop, lambda events: events.filter(pl.col("ts") < NOW - pl.duration(days=2 * HORIZON_DAYS)))
    sides = Side("one", FEW_SOURCES), Side("other", RECIPE)
    with pytest.raises(InputError, match="nothing that can be recommended was bought from"):
        measure_both(sides, replace(GIVEN, shop=shop), ("temporal",), PLACEMENTS, OPTIONS, Steps())


def test_a_rival_that_knows_other_shoppers_answers_the_right_ones() -> None:
    """As when one recipe takes a shopper for a robot: numbers of shoppers shift by one, lists do not."""
    stages = stages_of(FEW_SOURCES, GIVEN, ("temporal",), 1)
    snapshot = fit_stages(stages.learning, stages.testing, FEW_SOURCES, of_tasks(PLACEMENTS, stages.tasks), Steps())
    past = stages.testing.past
    without = changed(GIVEN.shop, lambda events: events.filter(pl.col("shopper") != "u:garden-0"))
    fewer = lay_out(without, FEW_SOURCES, past.until_us)
    assert len(fewer.shoppers) == len(past.shoppers) - 1
    rivals = {"all": Rival(snapshot, past), "fewer": Rival(snapshot, replace(fewer, vocabulary=past.vocabulary))}
    table = measure_rivals(stages.measures["temporal"], rivals, PLACEMENTS, OPTIONS)
    judgement = table.judgements[0]
    keys = [judgement.shopper_keys[number] for number in judgement.shoppers.tolist()]
    same = (judgement.lists["all"] == judgement.lists["fewer"]).all(axis=1)
    assert [key for key, is_same in zip(keys, same.tolist(), strict=True) if not is_same] == ["u:garden-0"]


def test_what_the_gate_hears_is_what_a_comparison_says() -> None:
    """The paired test of the table and that of a comparison are one."""
    sides = Side("one", FEW_SOURCES), Side("other", FEW_SOURCES.model_copy(update={"sources": {"popular": {}}}))
    (table,) = measure_both(sides, GIVEN, ("temporal",), PLACEMENTS, OPTIONS, Steps())
    for contrast in paired_tests(table, ONE, OTHER, seed=1):
        if contrast.segment == ALL:
            pair = table.pair(contrast.task, ONE, OTHER)
            assert pair is not None
            found = pair.metrics[contrast.metric]
            assert np.isclose(found.difference.value, contrast.comparison.difference.value)
            assert found.p_value == contrast.comparison.p_value
