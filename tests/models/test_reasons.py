from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from models.context import Context, Interactions
from models.placement import Placement
from models.reasons import Reason, reasons
from models.recommend import recommend
from models.snapshot import Snapshot
from models.sources import SOURCES
from tests.worlds import Question, every_world, snapshot_of

WORLD_OF = {world.name: world for world in every_world()}
HOME = Placement("home", "personal", dict.fromkeys(SOURCES, 50), n=10)


def asked(world_name: str, question: Question) -> tuple[Context, Snapshot]:
    snapshot = snapshot_of(world_name)
    return WORLD_OF[world_name].context(snapshot.vocabulary, question), snapshot


def questions_for(source: str) -> Iterator[tuple[str, Question]]:
    for world in WORLD_OF.values():
        for question in world.questions[:4]:
            if source in question.sources:
                yield world.name, question


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_without_the_items_that_a_reason_names_the_item_falls(source: str) -> None:
    alone = replace(HOME, sources={source: 50})
    for world_name, question in questions_for(source):
        context, snapshot = asked(world_name, replace(question, anchors=()))
        told = recommend(context, snapshot, alone)
        for row, score, reason in zip(
            told.rows.tolist(), told.scores.tolist(), reasons(context, snapshot, told), strict=True
        ):
            if not len(reason.because_of):
                continue
            had = context.interactions
            without = replace(context, shopper=Interactions(had.take(~np.isin(had.items, reason.because_of))))
            left = recommend(without, snapshot, alone)
            now = dict(zip(left.rows.tolist(), left.scores.tolist(), strict=True))
            assert not now.get(row, -np.inf) >= score, "its score falls, or it is there only to fill up"


def test_it_falls_in_the_blend_of_all_sources_too() -> None:
    for question in WORLD_OF["checkerboard"].questions[:4]:
        context, snapshot = asked("checkerboard", question)
        told = recommend(context, snapshot, HOME)
        for row, score, reason in zip(
            told.rows.tolist(), told.scores.tolist(), reasons(context, snapshot, told), strict=True
        ):
            if len(reason.because_of):
                had = context.interactions
                without = replace(context, shopper=Interactions(had.take(~np.isin(had.items, reason.because_of))))
                left = recommend(without, snapshot, replace(HOME, n=len(snapshot.catalogue)))
                assert left.scores[left.rows == row] < score


@pytest.mark.parametrize("world_name", sorted(WORLD_OF))
def test_a_reason_is_of_a_source_that_proposed_the_item_and_names_the_shoppers_items(world_name: str) -> None:
    for question in WORLD_OF[world_name].questions[:4]:
        context, snapshot = asked(world_name, question)
        told = recommend(context, snapshot, HOME)
        given = reasons(context, snapshot, told)
        assert len(given) == len(told.rows)
        for row, reason, shares in zip(told.rows.tolist(), given, told.shares, strict=True):
            if shares.max() > 0:
                assert reason.source == told.sources[int(shares.argmax())]
                assert row in snapshot.sources[reason.source].ask(context).propose(np.ones(99, np.bool_), 99)[0]
            mine = {*context.interactions.items.tolist(), *context.anchors.tolist()}
            assert set(reason.because_of) <= mine


def test_a_reason_names_the_few_items_that_carry_half_strongest_first() -> None:
    context, snapshot = asked("checkerboard", Question((), "u:0"))
    told = recommend(context, snapshot, replace(HOME, sources={"item_knn": 50}))
    source = snapshot.sources["item_knn"]
    for row, reason in zip(told.rows.tolist(), reasons(context, snapshot, told), strict=True):
        items, added = source.because(context, np.array([row], np.int32))
        amounts = dict(zip(items.tolist(), added[:, 0].tolist(), strict=True))
        named = [amounts[item] for item in reason.because_of]
        assert named == sorted(named, reverse=True)
        assert sum(named) >= 0.5 * sum(amounts.values()) > sum(named[:-1])


def test_what_is_similar_is_so_because_of_the_page() -> None:
    context, snapshot = asked("cold item", Question((), anchors=("tent-blue",)))
    told = recommend(context, snapshot, replace(HOME, task="similar", sources={"content": 50}, n=1))
    (reason,) = reasons(context, snapshot, told)
    assert (reason.source, reason.because_of) == ("content", tuple(context.anchors.tolist()))


def test_what_fills_up_is_there_because_it_is_popular() -> None:
    context, snapshot = asked("a then b", Question((), "u:has-phone"))
    told = recommend(context, snapshot, replace(HOME, sources={"covisitation": 1}, known="mask", n=5))
    given: tuple[Reason, ...] = reasons(context, snapshot, told)
    assert [reason.source for reason in given] == ["covisitation", *["popular"] * 4]
    assert [len(reason.because_of) for reason in given] == [1, 0, 0, 0, 0]


def test_what_may_not_be_recommended_is_no_reason_either() -> None:
    snapshot = snapshot_of("two communities")
    world = next(world for world in every_world() if world.name == "two communities")
    question = next(question for question in world.questions if question.shopper)
    context = world.context(snapshot.vocabulary, question)
    banned = replace(
        snapshot,
        catalogue=replace(
            snapshot.catalogue, recommendable=~np.isin(np.arange(len(snapshot.catalogue)), context.bought)
        ),
    )
    told = recommend(context, banned, Placement("here", "personal", dict.fromkeys(snapshot.sources, 20)))
    assert len(told.rows)
    for reason in reasons(context, banned, told):
        assert not set(reason.because_of) & set(context.bought.tolist())
