"""A study goes on where it ended, under the configuration that it was begun with, and keeps the best recipe."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest

from models.errors import BusyError, ConfigurationError, InputError, StoreError, TrainingError
from store.locks import held
from store.placements import read_placements
from tests.shops import HORIZON_DAYS, RECIPE, changed, corner_shop
from tests.worlds import NOW, microseconds
from training.config import Recipe
from training.evaluate.asked import Stage
from training.evaluate.protocols import Given, Staged
from training.evaluate.table import Options
from training.fitting import lay_out
from training.tuning.run import Limits, Standing, Tuned, configuration_of, tune
from training.tuning.space import space_of, values_of
from training.tuning.study import digest_of
from training.tuning.trials import Bench

GIVEN = Given(corner_shop(), microseconds(NOW), usual_days=HORIZON_DAYS)
NOTHING_ASKED = Staged((), Stage(lay_out(GIVEN.shop, RECIPE, GIVEN.until_us), lambda _placement, _snapshot: None), {})
FACTORS = "sources.als.factors"


def nearest_to_64(recipe: Recipe) -> float:
    """A shop that is served best with 64 factors."""
    return 1 / (1 + abs(values_of(recipe)[FACTORS] - 64))


@dataclass(frozen=True)
class Toy(Bench):
    """A bench whose figure is known: nothing is fitted."""

    figure_of: Callable[[Recipe], float] = nearest_to_64
    measured: list[Recipe] = field(default_factory=list)

    def figure(self, recipe: Recipe, stages: Staged) -> float:  # noqa: ARG002 - nothing is fitted on them
        self.measured.append(recipe)
        return self.figure_of(recipe)

    def _stages_of(self, recipe: Recipe) -> Staged:  # noqa: ARG002 - no event is laid out
        return NOTHING_ASKED


def toy(recipe: Recipe = RECIPE, only: Sequence[str] = ("als",), **more: object) -> Toy:
    bench = Toy(recipe, space_of(recipe, only), GIVEN, ("temporal",), read_placements(), Options(recipe.seed))
    return replace(bench, **more)  # type: ignore[arg-type] # fields of several types


def run(
    bench: Bench, folder: Path, trials: int = 3, seconds: float | None = None, name: str = "s"
) -> tuple[Tuned, list[Standing]]:
    said: list[Standing] = []
    found = tune(bench, folder, name, Limits(trials, seconds), lambda standing, _: said.append(standing))
    return found, said


def test_the_best_recipe_of_all_trials_is_found(tmp_path: Path) -> None:
    found, said = run(toy(), tmp_path, trials=30)
    assert abs(values_of(found.recipe)[FACTORS] - 64) < abs(values_of(RECIPE)[FACTORS] - 64)
    assert found.is_better
    assert (
        found.figure == nearest_to_64(found.recipe) == max(one.figure or 0 for one in said if one.outcome != "PRUNED")
    )
    assert [one.number for one in said] == list(range(31))


def test_the_first_trial_is_the_recipe_itself(tmp_path: Path) -> None:
    bench = toy(RECIPE.model_copy(update={"sources": {"als": {"factors": 47, "confidence": 0.0123456789}}}))
    found, said = run(bench, tmp_path, trials=0)
    assert (said[0].figure, found.base_figure) == (nearest_to_64(bench.recipe),) * 2
    assert (found.recipe, found.is_better) == (bench.recipe, False)


def test_a_resumed_study_goes_on_with_other_draws(tmp_path: Path) -> None:
    first, _ = run(toy(), tmp_path, trials=4)
    bench = toy()
    second, said = run(bench, tmp_path, trials=4)
    assert [one.number for one in said] == [5, 6, 7, 8]
    assert sum(second.counts.values()) == 9
    assert second.figure >= first.figure
    anew = toy()
    run(anew, tmp_path / "anew", trials=4)
    drawn = [values_of(recipe)["sources.als.confidence"] for recipe in bench.measured]
    assert not set(drawn) & {values_of(recipe)["sources.als.confidence"] for recipe in anew.measured}


def test_the_same_study_tries_the_same(tmp_path: Path) -> None:
    one, other = toy(), toy()
    run(one, tmp_path / "one", trials=5)
    run(other, tmp_path / "other", trials=5)
    assert one.measured == other.measured


@pytest.mark.parametrize(
    ("another", "named"),
    [
        (lambda: toy(RECIPE.model_copy(update={"seed": 4})), "another recipe"),
        (lambda: toy(only=("als", "memory")), "another search space"),
        (lambda: toy(protocols=("basket",)), "another protocol \\(then temporal, now basket\\)"),
        (lambda: toy(given=replace(GIVEN, until_us=GIVEN.until_us + 1)), "another end of the validation"),
        (lambda: toy(given=replace(GIVEN, horizon_days=7)), "another horizon \\(then 14 days, now 7 days\\)"),
        (lambda: toy(given=replace(GIVEN, shop=changed(GIVEN.shop, lambda e: e.head(500)))), "another data"),
        (lambda: toy(placements={}), "another placements"),
    ],
)
def test_a_study_of_another_configuration_is_refused_by_name(
    another: Callable[[], Toy], named: str, tmp_path: Path
) -> None:
    run(toy(), tmp_path, trials=0)
    journal = (tmp_path / "s.journal").read_bytes()
    with pytest.raises(ConfigurationError, match=f"the study s was begun with .*{named}.*--study NAME"):
        run(another(), tmp_path)
    assert (tmp_path / "s.journal").read_bytes() == journal
    assert run(another(), tmp_path, name="t", trials=0)[0].counts["COMPLETE"] == 1


def test_what_changes_no_list_is_the_same_configuration() -> None:
    recipe = RECIPE.model_copy(update={"gate": RECIPE.gate.model_copy(update={"max_fall": 0.5})})
    assert configuration_of(toy(recipe)) == configuration_of(toy())


def test_a_digest_names_every_event_and_item() -> None:
    shop = GIVEN.shop
    others = [
        changed(shop, lambda events: events.with_columns(pl.col("price") + 1)),
        changed(shop, lambda events: events.with_columns(pl.col("ts") + pl.duration(microseconds=1))),
        replace(shop, items=shop.items.with_columns(title=pl.lit("another"))),
    ]
    assert len({digest_of(one) for one in (shop, *others)}) == 4
    assert digest_of(shop) == digest_of(corner_shop())


def test_a_study_is_of_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        held(tmp_path / ".s.lock", "the study s"),
        pytest.raises(BusyError, match=f"process {os.getpid()} holds the study s"),
    ):
        run(toy(), tmp_path)


def test_half_a_line_of_a_killed_process_is_dropped(tmp_path: Path) -> None:
    run(toy(), tmp_path, trials=1)
    with (tmp_path / "s.journal").open("a") as file:
        file.write('{"op_code": 5, "worker')
    found, _ = run(toy(), tmp_path, trials=1)
    assert found.counts["COMPLETE"] == 3


@pytest.mark.parametrize("line", ["not a journal", "{}", "[]", '{"op_code": 99, "worker_id": "w"}'])
def test_a_file_that_is_no_study_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "s.journal").write_text(f"{line}\nat all\n")
    with pytest.raises(StoreError, match=r"s\.journal cannot be used .* move it away"):
        run(toy(), tmp_path)


@pytest.mark.parametrize("name", ["", "../elsewhere", "a b", "x" * 65])
def test_a_study_has_a_name_that_a_file_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no name"):
        run(toy(), tmp_path, name=name)
    assert list(tmp_path.iterdir()) == []


def refusing(recipe: Recipe) -> float:
    if values_of(recipe)[FACTORS] != values_of(RECIPE)[FACTORS]:
        raise TrainingError("too little to learn from")
    return 0.5


def test_a_recipe_that_cannot_be_fitted_is_a_failed_trial_and_the_study_goes_on(tmp_path: Path) -> None:
    found, said = run(toy(figure_of=refusing), tmp_path)
    assert found.counts == {"COMPLETE": 1, "PRUNED": 0, "FAIL": 3}
    assert said[1].why == "too little to learn from"
    assert not found.is_better


def test_a_recipe_to_begin_with_that_cannot_be_fitted_ends_the_run_and_is_measured_by_the_next(tmp_path: Path) -> None:
    def refuse(_recipe: Recipe) -> float:
        raise InputError("nothing was bought")

    with pytest.raises(InputError, match="nothing was bought"):
        run(toy(figure_of=refuse), tmp_path)
    found, _ = run(toy(), tmp_path, trials=0)
    assert found.counts == {"COMPLETE": 1, "PRUNED": 0, "FAIL": 1}


def test_what_is_poor_in_the_cheap_stage_is_not_measured_further(tmp_path: Path) -> None:
    bench = toy()
    found, _ = run(bench, tmp_path, trials=40)
    assert found.counts["PRUNED"] > 0
    cheap = [recipe for recipe in bench.measured if recipe.ranker != RECIPE.ranker]
    whole = [recipe for recipe in bench.measured if recipe.ranker == RECIPE.ranker]
    assert len(cheap) == 41
    assert len(whole) == found.counts["COMPLETE"]
    assert all(recipe.blend.max_examples < RECIPE.blend.max_examples for recipe in cheap)


def test_when_the_time_is_used_up_no_trial_begins(tmp_path: Path) -> None:
    found, _ = run(toy(), tmp_path, trials=1000, seconds=0.0)
    assert sum(found.counts.values()) < 1000
