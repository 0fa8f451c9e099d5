"""What every source owes. The sources find themselves: a new one is held to all of this as soon as it has a name."""

import ast
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from pydantic import BaseModel, ValidationError

from models.arrays import Float32, Int32, Mask
from models.context import Context, Interactions
from models.errors import LearnedNothingError
from models.history import NOTHING
from models.index import read_index
from models.sources import SOURCES
from models.sources.base import Learned, Source
from tests.worlds import (
    NOW,
    WORLDS,
    Question,
    World,
    event,
    event_frame,
    every_world,
    item,
    item_frame,
)
from training.data import TrainingData
from training.fit import FITS

ROOT: Final = Path(__file__).parents[3]
EVERYTHING: Final = 1_000
"""More than any world has."""
NOBODY: Final = Question(())


@dataclass(frozen=True)
class Taught:
    """A source that learned one world."""

    world: World
    data: TrainingData
    learned: Learned
    source: Source

    @property
    def n_rows(self) -> int:
        return len(self.data.vocabulary)

    def mask(self) -> Mask:
        return np.ones(self.n_rows, np.bool_)

    def contexts(self) -> Iterator[Context]:
        """Nobody, some shoppers, and a page and a cart."""
        shoppers = self.world.events["shopper"].unique().sort().to_list()
        asked = {question.shopper for question in self.world.questions} | {*shoppers[:2], *shoppers[-2:]}
        for shopper in sorted(shopper for shopper in asked if shopper):
            yield self.world.context(self.data.vocabulary, Question((), shopper))
        ids = self.data.vocabulary.ids
        for anchors in (ids[:1], ids[1:2], ids[:3]):
            yield self.world.context(self.data.vocabulary, Question((), shoppers[0], anchors=anchors))
        yield self.world.context(self.data.vocabulary, NOBODY)


@cache
def taught(source: str, world_name: str) -> Taught | None:
    """The source after it learned a world with its default settings; None if there is nothing for it to learn."""
    world = next(world for world in every_world() if world.name == world_name)
    data = world.data()
    try:
        learned = learn(source, data)
    except LearnedNothingError:
        return None
    return Taught(world, data, learned, SOURCES[source].load(learned))


def learn(source: str, data: TrainingData) -> Learned:
    return FITS[source].fit(data, FITS[source].Settings())


def everywhere(source: str) -> list[Taught]:
    """The source in each world that teaches it something."""
    return [found for world in every_world() if (found := taught(source, world.name)) is not None]


def asked_of(source: str) -> list[tuple[World, Question]]:
    return [(world, question) for world in every_world() for question in world.questions if source in question.sources]


def masked(taught: Taught, context: Context, question: Question) -> Mask:
    mask = taught.mask()
    if question.known == "mask":
        mask[context.bought] = False
    elif question.known == "only":
        mask = np.isin(np.arange(taught.n_rows), context.bought)
    mask[context.anchors] = False
    return mask


def assert_proper(answer: tuple[Int32, Float32], mask: Mask, k: int) -> None:
    rows, scores = answer
    assert [rows.dtype, scores.dtype] == [np.dtype(np.int32), np.dtype(np.float32)]
    assert rows.shape == scores.shape
    assert len(rows) <= k
    assert len(set(rows.tolist())) == len(rows), "each row once"
    assert mask[rows].all(), "inside the mask"
    assert np.isfinite(scores).all()
    assert (np.diff(scores) <= 0).all(), "best first"


def assert_same(one: tuple[Int32, Float32], other: tuple[Int32, Float32]) -> None:
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


@pytest.fixture(params=sorted(SOURCES))
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


# ---- every source is whole


def defining(folder: str, what: str) -> set[str]:
    """The files of a folder that define a name of their own: at the top (`fit`) or in a class (`name = ...`)."""
    return {
        path.stem
        for path in (ROOT / folder).glob("[!_]*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.FunctionDef) and node.name == what)
        or (isinstance(node, ast.AnnAssign) and node.value is not None and ast.unparse(node.target) == what)
    }


def test_a_source_is_two_files_of_one_name() -> None:
    assert defining("models/sources", "name") == defining("training/fit", "fit") == set(SOURCES) == set(FITS)
    assert {source.__module__.rpartition(".")[2]: source.name for source in SOURCES.values()} == {
        name: name for name in SOURCES
    }


def test_every_source_is_asked_something_in_some_world(name: str) -> None:
    assert asked_of(name), f"tests/worlds.py has no question for {name}"


def test_every_world_has_its_own_name_and_is_the_same_at_every_call() -> None:
    assert len({world.name for world in every_world()}) == len(WORLDS)
    for build, world in zip(WORLDS, every_world(), strict=True):
        assert build().events.equals(world.events)


def test_settings_refuse_a_key_that_does_not_exist_and_say_what_each_does(name: str) -> None:
    settings: type[BaseModel] = FITS[name].Settings
    with pytest.raises(ValidationError, match="half_live"):
        settings.model_validate({"half_live": 3})
    documented = set()
    for kind in settings.__mro__:
        path = ROOT / (kind.__module__.replace(".", "/") + ".py")
        if not path.is_file():
            continue
        tree = ast.parse(path.read_text())
        body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
        for field, after in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(field.target, ast.Name):
                documented.add(field.target.id)
    assert set(settings.model_fields) <= documented


# ---- it is right where the answer is known


@pytest.mark.parametrize(
    ("name", "world", "question"),
    [
        pytest.param(name, world, question, id=f"{name}-{world.name}-{number}")
        for name in SOURCES
        for number, (world, question) in enumerate(asked_of(name))
    ],
)
def test_it_answers_right_in_its_world(name: str, world: World, question: Question) -> None:
    found = taught(name, world.name)
    assert found is not None, f"{name} learned nothing in the world {world.name}"
    context = world.context(found.data.vocabulary, question)
    rows, _ = found.source.ask(context).propose(masked(found, context, question), EVERYTHING)
    answer = [found.data.vocabulary.ids[row] for row in rows]
    if question.first is not None:
        assert answer[:1] == [question.first]
    for better, worse in question.above:
        assert better in answer
        assert worse not in answer or answer.index(better) < answer.index(worse)
    for some in question.each:
        assert len(some & set(answer[:10])) >= 3, "each community gets three of ten"


# ---- it answers within what it is asked, whoever asks


def test_answers_are_distinct_inside_the_mask_and_best_first(name: str) -> None:
    chance = np.random.default_rng(1)
    for found in everywhere(name):
        for context in found.contexts():
            for k in (1, 3, EVERYTHING):
                for share in (0.2, 0.5, 1.0):
                    mask = chance.random(found.n_rows) < share
                    before = mask.copy()
                    assert_proper(found.source.ask(context).propose(mask, k), mask, k)
                    np.testing.assert_array_equal(mask, before, "the mask is the caller's")


def test_a_mask_narrows_the_answer_and_does_not_change_it(name: str) -> None:
    chance = np.random.default_rng(2)
    for found in everywhere(name):
        for context in found.contexts():
            whole, scores = found.source.ask(context).propose(found.mask(), EVERYTHING)
            mask = chance.random(found.n_rows) < 0.5
            rows, narrowed = found.source.ask(context).propose(mask, EVERYTHING)
            assert rows.tolist() == whole[mask[whole]].tolist()
            np.testing.assert_allclose(narrowed, scores[mask[whole]], rtol=1e-5)


def test_asking_for_fewer_gives_the_first_of_more(name: str) -> None:
    for found in everywhere(name):
        for context in found.contexts():
            whole, _ = found.source.ask(context).propose(found.mask(), EVERYTHING)
            few, _ = found.source.ask(context).propose(found.mask(), 3)
            assert few.tolist() == whole[:3].tolist()


def test_a_mask_of_one_item_gives_that_or_nothing(name: str) -> None:
    for found in everywhere(name):
        for context in found.contexts():
            whole = set(found.source.ask(context).propose(found.mask(), EVERYTHING)[0].tolist())
            for row in range(found.n_rows):
                only = ~found.mask()
                only[row] = True
                assert found.source.ask(context).propose(only, 5)[0].tolist() == [row] * (row in whole)


def test_an_empty_mask_gives_nothing(name: str) -> None:
    for found in everywhere(name):
        for context in found.contexts():
            assert_proper(found.source.ask(context).propose(~found.mask(), 5), ~found.mask(), 0)


def test_somebody_of_whom_nothing_is_known_is_answered(name: str) -> None:
    for found in everywhere(name):
        nobody = found.world.context(found.data.vocabulary, NOBODY)
        assert nobody.is_cold
        assert_proper(found.source.ask(nobody).propose(found.mask(), 5), found.mask(), 5)


def test_items_of_a_history_that_nobody_knows_change_nothing(name: str) -> None:
    for found in everywhere(name):
        shopper = found.world.events["shopper"][0]
        plain = found.world.context(found.data.vocabulary, Question((), shopper))
        ghosts = event_frame(event(shopper, f"ghost-{k}", NOW.replace(year=2025)) for k in range(3))
        haunted = replace(found.world, events=pl.concat([found.world.events, ghosts]).sort("shopper", "ts"))
        context = haunted.context(found.data.vocabulary, Question((), shopper))
        assert_same(
            found.source.ask(context).propose(found.mask(), EVERYTHING),
            found.source.ask(plain).propose(found.mask(), EVERYTHING),
        )


def test_items_that_came_after_the_training_harm_nothing(name: str) -> None:
    for found in everywhere(name):
        later = [f"later-{k}" for k in range(3)]
        longer = found.data.vocabulary.extended(later)
        mask = np.ones(len(longer), np.bool_)
        shopper = found.world.events["shopper"][0]
        bought = event_frame(event(shopper, it, NOW.replace(month=10)) for it in later)
        widened = replace(found.world, events=pl.concat([found.world.events, bought]).sort("shopper", "ts"))
        for question in (Question((), shopper), Question((), shopper, anchors=("later-1",)), NOBODY):
            context = widened.context(longer, question)
            rows, scores = found.source.ask(context).propose(mask, EVERYTHING)
            assert_proper((rows, scores), mask, EVERYTHING)
            found.source.because(context, rows)


# ---- it scores what others propose


def test_what_it_proposes_has_the_score_that_it_gives_when_asked(name: str) -> None:
    for found in everywhere(name):
        for context in found.contexts():
            answer = found.source.ask(context)
            rows, scores = answer.propose(found.mask(), EVERYTHING)
            # A product of two vectors is rounded one way or another depending on which others are computed beside it.
            np.testing.assert_allclose(answer.score(rows), scores, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(answer.score(rows[::-1])[::-1], scores, rtol=1e-5, atol=1e-6)


def test_it_scores_nothing_above_what_it_proposes_instead(name: str) -> None:
    for found in everywhere(name):
        everything = np.arange(found.n_rows, dtype=np.int32)
        for context in found.contexts():
            answer = found.source.ask(context)
            rows, scores = answer.propose(found.mask(), 3)
            others = answer.score(everything[~np.isin(everything, rows)])
            assert others.dtype == np.float32
            if len(rows) == 3:
                assert not (others > scores[-1] + 1e-5 * abs(scores[-1])).any()
            else:
                assert not (others > 0).any(), "fewer than asked: the others are 0, below, or nothing to speak of"


def test_of_rows_beyond_what_it_learned_it_has_nothing_to_say(name: str) -> None:
    for found in everywhere(name):
        beyond = np.array([found.n_rows, 0, found.n_rows + 7], np.int32)
        for context in found.contexts():
            scores = found.source.ask(context).score(beyond)
            assert scores.shape == (3,)
            assert np.isnan(scores[[0, 2]]).all()
            assert len(found.source.ask(context).score(beyond[:0])) == 0


# ---- it can be kept and made again


def kept_and_read(learned: Learned, folder: Path) -> Learned:
    """What a bundle does: arrays as npy without pickle, settings as JSON, the index as FAISS writes it."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **learned.arrays)
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as arrays:
        again = {name: arrays[name] for name in arrays.files}
    index = None
    if learned.index is not None:
        learned.index.save(folder / "index.faiss")
        index = read_index(folder / "index.faiss")
    return Learned(again, json.loads(json.dumps(learned.settings)), index)


def test_what_was_learned_can_be_kept_and_answers_the_same(name: str, tmp_path: Path) -> None:
    for found in everywhere(name):
        again = SOURCES[name].load(kept_and_read(found.learned, tmp_path))
        for context in found.contexts():
            before = found.source.ask(context).propose(found.mask(), EVERYTHING)
            assert_same(again.ask(context).propose(found.mask(), EVERYTHING), before)
            assert_same(again.because(context, before[0]), found.source.because(context, before[0]))


def test_the_same_seed_learns_the_same_arrays(name: str) -> None:
    for found in everywhere(name):
        again = learn(name, found.world.data())
        assert set(again.arrays) == set(found.learned.arrays)
        for array, values in found.learned.arrays.items():
            assert again.arrays[array].dtype == values.dtype
            np.testing.assert_array_equal(again.arrays[array], values)
        assert again.settings == found.learned.settings
        if again.index is not None and found.learned.index is not None:
            np.testing.assert_array_equal(again.index.vectors, found.learned.index.vectors)


def test_answering_changes_nothing_that_was_learned(name: str) -> None:
    for found in everywhere(name)[:1]:
        before = {array: values.copy() for array, values in found.learned.arrays.items()}
        for context in found.contexts():
            first = found.source.ask(context).propose(found.mask(), EVERYTHING)
            assert_same(found.source.ask(context).propose(found.mask(), EVERYTHING), first)
        for array, values in before.items():
            np.testing.assert_array_equal(found.learned.arrays[array], values)


def test_what_is_missing_is_named_when_it_is_loaded(name: str) -> None:
    learned = everywhere(name)[0].learned
    for key in learned.arrays:
        with pytest.raises(KeyError, match=key):
            SOURCES[name].load(replace(learned, arrays=without(learned.arrays, key)))
    for key in learned.settings:
        with pytest.raises(KeyError, match=key):
            SOURCES[name].load(replace(learned, settings=without(learned.settings, key)))
    if learned.index is not None:
        with pytest.raises(KeyError, match="index"):
            SOURCES[name].load(replace(learned, index=None))


def without(mapping: Any, key: str) -> dict[str, Any]:  # noqa: ANN401 - arrays or settings
    return {name: value for name, value in mapping.items() if name != key}


# ---- it learns from little, or says that it did not


def little_worlds() -> list[World]:
    one = item_frame([item("only")])
    two = item_frame([item("only"), item("other", (), price=None, title=None, published_at=None)])
    buyers = [event(f"u:{n}", "only", NOW.replace(month=10, day=1 + n)) for n in range(8)]
    searches = [{**row, "event_type": "search", "order_id": None} for row in buyers]
    refunds = [{**row, "event_type": "refund"} for row in buyers]
    robot = [event("u:robot", "only", NOW.replace(month=10), "view") for _ in range(500)]
    return [
        World("a catalogue of one item", event_frame(buyers), one, ()),
        World("one event", event_frame(buyers[:1]), one, ()),
        World("items that say nothing of themselves", event_frame(buyers), two, ()),
        World("nothing that anybody liked", event_frame(searches), two, ()),
        World("everything was given back", event_frame(buyers + refunds), two, ()),
        World("one shopper, one moment", event_frame(robot), two, ()),
    ]


@pytest.mark.parametrize("world", little_worlds(), ids=lambda world: world.name)
@pytest.mark.parametrize("min_shoppers", [1, 100])
def test_from_little_it_learns_something_that_answers_or_says_why_not(
    name: str, world: World, min_shoppers: int
) -> None:
    data = world.data(min_shoppers=min_shoppers)
    try:
        learned = learn(name, data)
    except LearnedNothingError as error:
        assert str(error).startswith(f"{name} learned nothing: ")  # noqa: PT017 - either outcome is right
        return
    found = Taught(world, data, learned, SOURCES[name].load(learned))
    for context in found.contexts():
        rows, scores = found.source.ask(context).propose(found.mask(), EVERYTHING)
        assert_proper((rows, scores), found.mask(), EVERYTHING)
        found.source.because(context, rows)


def test_what_lies_after_the_end_teaches_nothing(name: str) -> None:
    for found in everywhere(name)[:2]:
        after = event_frame(
            event(f"u:{k}", it, NOW.replace(month=12)) for k in range(9) for it in found.data.vocabulary.ids
        )
        world = replace(found.world, events=pl.concat([found.world.events, after]).sort("shopper", "ts"))
        again = learn(name, world.data())
        assert again.settings == found.learned.settings
        for array, values in found.learned.arrays.items():
            np.testing.assert_array_equal(again.arrays[array], values)


# ---- it can say why


def leaving_out(context: Context, rows: Int32) -> Context:
    """The same question by somebody who never had these items. A page that lost its anchors is nobody's home."""
    anchors = context.anchors[~np.isin(context.anchors, rows)]
    interactions = context.interactions.take(~np.isin(context.interactions.items, rows))
    return replace(context, anchors=anchors, shopper=Interactions(NOTHING if len(context.anchors) else interactions))


def test_reasons_are_the_shoppers_own_items_with_positive_amounts(name: str) -> None:
    for found in everywhere(name):
        for context in found.contexts():
            proposed, _ = found.source.ask(context).propose(found.mask(), 5)
            rows, amounts = found.source.because(context, proposed)
            assert [rows.dtype, amounts.dtype] == [np.dtype(np.int32), np.dtype(np.float32)]
            assert amounts.shape == (len(rows), len(proposed))
            assert len(set(rows.tolist())) == len(rows)
            assert set(rows.tolist()) <= {*context.anchors.tolist(), *context.interactions.items.tolist()}
            assert (amounts >= 0).all()
            assert np.isfinite(amounts).all()


def test_a_row_has_the_same_reasons_whichever_others_are_asked_about(name: str) -> None:
    for found in everywhere(name):
        for context in found.contexts():
            proposed, _ = found.source.ask(context).propose(found.mask(), 5)
            items, together = found.source.because(context, proposed)
            for row, added in zip(proposed.tolist(), together.T, strict=True):
                own, amounts = found.source.because(context, np.array([row], np.int32))
                # An item that adds to none of the rows may be left out.
                raising = np.isin(own, items)
                assert not amounts[~raising].any()
                expected = dict(zip(items.tolist(), added.tolist(), strict=True))
                got = dict(zip(own[raising].tolist(), amounts[raising, 0].tolist(), strict=True))
                assert got == pytest.approx({item: expected[item] for item in got}, rel=1e-4, abs=1e-6)


def test_without_the_items_that_carry_it_an_item_falls(name: str) -> None:
    for found in everywhere(name):
        for context in found.contexts():
            answer = found.source.ask(context).propose(found.mask(), 5)
            items, amounts = found.source.because(context, answer[0])
            for row, score, added in zip(*(column.tolist() for column in answer), amounts.T, strict=True):
                carrying = items[added > 0]
                if not len(carrying):
                    continue
                rows, scores = found.source.ask(leaving_out(context, carrying)).propose(found.mask(), EVERYTHING)
                left = dict(zip(rows.tolist(), scores.tolist(), strict=True))
                assert left.get(row, -np.inf) < score


def test_an_answer_that_depends_on_the_shopper_has_reasons(name: str) -> None:
    for found in everywhere(name):
        nobody = found.world.context(found.data.vocabulary, NOBODY)
        everybodys, scores = found.source.ask(nobody).propose(found.mask(), EVERYTHING)
        for context in found.contexts():
            rows, own = found.source.ask(context).propose(found.mask(), EVERYTHING)
            if rows.tolist() == everybodys.tolist() and own.tolist() == scores.tolist():
                continue
            _, amounts = found.source.because(context, rows[:3])
            assert (amounts > 0).any(axis=0).all()


def test_a_source_that_looks_at_the_page_looks_at_nothing_else(name: str) -> None:
    for found in everywhere(name):
        shoppers = found.world.events["shopper"].unique().sort().to_list()[:6]
        for anchors in ((), found.data.vocabulary.ids[:1]):
            answers = [
                found.source.ask(
                    found.world.context(found.data.vocabulary, Question((), shopper, anchors=anchors))
                ).propose(found.mask(), EVERYTHING)
                for shopper in shoppers
            ]
            if not anchors:
                homes = answers
        if any(home[0].tolist() != page[0].tolist() for home, page in zip(homes, answers, strict=True)):
            for page in answers:
                assert_same(page, answers[0])
