"""A learned ranker is read from a bundle bit for bit as it was written; one that does not fit is refused by name."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.candidates import Candidates, gather
from models.errors import BundleError
from models.features import Features
from models.learned import LearnedRanker
from models.network import Network
from models.placement import Placement
from models.rank import Blend
from models.recommend import recommend
from models.rules import eligible
from models.snapshot import Snapshot
from store.bundles.manifest import MANIFEST
from store.bundles.read import open_bundle
from store.bundles.write import Draft, write_bundle
from tests.store.bundles.drafts import EVERY_SOURCE, draft_of, snapshot_of, world_named
from tests.store.bundles.test_read import corrected, lengthen
from tests.worlds import World

COLUMNS = ("popular", "als", "als@recent")
ASKED = Placement("here", "personal", {"popular": 9, "als": 9, "als@recent": 9, "covisitation": 0}, n=6)


def network(n_features: int, hidden: tuple[int, ...] = (5, 3)) -> Network:
    """Some network; it knows nothing."""
    rng = np.random.default_rng(4)
    sizes = (2 * n_features, *hidden, 1)
    layers = [
        (rng.normal(size=pair).astype(np.float32), rng.normal(size=pair[1]).astype(np.float32))
        for pair in pairwise(sizes)
    ]
    ones = rng.normal(size=n_features).astype(np.float32)
    return Network(ones, np.abs(ones), layers)


def draft() -> Draft:
    """A bundle whose shoppers' lists are ranked by what was learned, those of pages without a look at the shopper."""
    plain = draft_of(EVERY_SOURCE)
    blend = plain.rankers["personal"]
    assert isinstance(blend, Blend)
    features = Features(COLUMNS, plain.facts)
    form = network(len(features.names))
    of_pages = LearnedRanker(blend, replace(features, of_shopper=False), form, 2)
    rankers = {
        **plain.rankers,
        "personal": LearnedRanker(blend, features, form, 5, slope=1 / 3, bias=-2.1),
        "similar": of_pages,
    }
    return replace(plain, rankers=rankers, trees={"personal": "tree\nwith ümlaut"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_bundle(tmp_path, draft())


def ranker_in(snapshot: Snapshot, task: str = "personal") -> LearnedRanker:
    ranker = next(ranker for name, ranker in snapshot.rankers.items() if name == task)
    assert isinstance(ranker, LearnedRanker)
    return ranker


WORLD: World = world_named(EVERY_SOURCE)


def test_a_ranker_and_its_facts_are_read_as_they_were_written(folder: Path) -> None:
    kept, opened = snapshot_of(draft()), open_bundle(folder).snapshot
    for task in ("personal", "similar"):
        one, other = ranker_in(kept, task), ranker_in(opened, task)
        assert isinstance(one.form, Network)
        assert isinstance(other.form, Network)
        assert (one.n_best, one.slope, one.bias) == (other.n_best, other.slope, other.bias)
        assert (one.features.names, one.features.of_shopper) == (other.features.names, other.features.of_shopper)
        np.testing.assert_array_equal(one.features.facts.numbers, other.features.facts.numbers)
        np.testing.assert_array_equal(one.features.facts.groups, other.features.facts.groups)
        arrays = [[form.means, form.scales, *sum(form.layers, ())] for form in (one.form, other.form)]
        assert len(arrays[0]) == len(arrays[1]) == 8
        for before, after in zip(*arrays, strict=True):
            assert before.dtype == after.dtype == np.float32
            np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("ranked_by", ["learned", "blend"])
def test_an_opened_bundle_answers_exactly_as_what_was_trained(ranked_by: str, folder: Path) -> None:
    kept, opened = snapshot_of(draft()), open_bundle(folder).snapshot
    asked = Placement(**{**vars(ASKED), "ranked_by": ranked_by})
    for shopper in WORLD.events["shopper"].unique(maintain_order=True)[:9]:
        answers = []
        for snapshot in (kept, opened):
            question = replace(world_named("new item").questions[0], shopper=shopper)
            answers.append(recommend(WORLD.context(snapshot.vocabulary, question), snapshot, asked))
        one, other = answers
        assert one.rows.tolist() == other.rows.tolist()
        np.testing.assert_array_equal(one.scores, other.scores)


def test_a_placement_may_choose_the_blend_of_a_bundle_that_learned_more(folder: Path) -> None:
    snapshot = open_bundle(folder).snapshot
    blend = snapshot.ranker_of(replace(ASKED, ranked_by="blend"))
    assert isinstance(blend, Blend)
    question = world_named("new item").questions[1]
    scores = []
    for ranker in (blend, snapshot.ranker_of(ASKED)):
        context = WORLD.context(snapshot.vocabulary, question)
        found = gather(context, snapshot.sources, ASKED, eligible(context, snapshot.catalogue, ASKED))
        scores.append(ranker.weigh(context, found).scores)
    assert not np.array_equal(scores[0], scores[1])


def test_an_item_that_came_after_the_training_is_ranked_too(folder: Path) -> None:
    snapshot = open_bundle(folder).snapshot
    scores = np.full((2, len(COLUMNS)), 0.5, np.float32)
    newer = Candidates(np.array([0, len(snapshot.catalogue) + 3], np.int32), scores, scores > 0, COLUMNS)
    context = WORLD.context(snapshot.vocabulary, world_named("new item").questions[0])
    weighed = snapshot.ranker_of(ASKED).weigh(context, newer)
    assert np.isfinite(weighed.scores).all()
    assert ((weighed.scores > 0) & (weighed.scores < 1)).all()


def test_the_text_of_the_trees_is_kept_for_people_and_covered_by_the_manifest(folder: Path) -> None:
    assert (folder / "rankers/personal/trees.txt").read_text("utf-8") == "tree\nwith ümlaut"
    (folder / "rankers/personal/trees.txt").write_text("no tree")
    with pytest.raises(BundleError, match=r"trees\.txt"):
        open_bundle(folder)


def test_a_ranker_in_another_form_is_no_part_of_a_bundle_and_nothing_is_left_of_the_attempt(tmp_path: Path) -> None:
    wrong = replace(ranker_in(snapshot_of(draft())), form=lambda found: found[:, 0])
    with pytest.raises(TypeError, match="blends and networks"):
        write_bundle(tmp_path, replace(draft(), rankers={"personal": wrong}, trees={}))
    assert list(tmp_path.iterdir()) == []


# What somebody does to a bundle, with every sha256 corrected.


def change_json(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))

    return change


def forget(path: Path) -> None:
    np.save(path, np.full_like(np.load(path), np.nan))


def transpose(path: Path) -> None:
    np.save(path, np.ascontiguousarray(np.load(path).T))


def beyond_all_groups(path: Path) -> None:
    groups = np.load(path)
    groups[0, 0] = 2**31 - 2
    np.save(path, groups)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("rankers/personal.json", change_json(kind="oracle"), "personal.json is a oracle; this Endcap knows blends"),
        ("rankers/personal.json", change_json(features=["moon"]), "other features than the facts give: .*moon"),
        (
            "rankers/personal.json",
            change_json(columns=["als"]),
            "other features than the facts give: .*rank in popular",
        ),
        ("rankers/personal.json", change_json(blend=None), "not subscriptable"),
        ("rankers/personal/means.npy", lengthen, "does not lead from"),
        ("rankers/personal/scales.npy", lengthen, "does not lead from"),
        ("rankers/personal/weights_0.npy", transpose, "layer 0 of the network is"),
        ("rankers/personal/weights_1.npy", lengthen, "layer 1 of the network is"),
        ("rankers/personal/biases_1.npy", lengthen, "layer 1 of the network is"),
        ("rankers/personal/biases_2.npy", Path.unlink, "does not know rankers/personal/biases_2.npy"),
        ("rankers/personal/weights_2.npy", Path.unlink, "does not lead from"),
        ("rankers/personal/weights_0.npy", Path.unlink, "does not lead from"),
        ("rankers/personal/weights_1.npy", forget, "has numbers that are none"),
    ],
)
def test_a_damaged_ranker_is_named(name: str, change: Callable[[Path], None], said: str, folder: Path) -> None:
    change(folder / name)
    corrected(folder)
    with pytest.raises(BundleError, match=f"does not fit together at rankers/personal.json: .*{said}") as refused:
        open_bundle(folder)
    assert "roll back or train again" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("facts/numbers.npy", lengthen, "numbers of"),
        ("facts/groups.npy", lengthen, "numbers of"),
        ("facts/groups.npy", beyond_all_groups, "there are 2147483647 groups"),
        ("facts/groups.npy", Path.unlink, "does not know facts/groups.npy"),
        ("facts/columns.json", change_json(numbers=["price"]), "numbers of"),
        ("facts/columns.json", change_json(groups=[]), "groups by"),
    ],
)
def test_damaged_facts_are_named(name: str, change: Callable[[Path], None], said: str, folder: Path) -> None:
    change(folder / name)
    corrected(folder)
    with pytest.raises(BundleError, match=f"does not fit together at facts: .*{said}"):
        open_bundle(folder)


def test_facts_of_fewer_items_are_refused(folder: Path) -> None:
    for name in ("numbers", "groups"):
        np.save(folder / f"facts/{name}.npy", np.load(folder / f"facts/{name}.npy")[:-1])
    corrected(folder)
    with pytest.raises(BundleError, match=r"at facts: there are facts of \d+ rows for \d+ items and the unknown"):
        open_bundle(folder)


def test_a_ranker_newer_than_its_facts_is_refused(folder: Path) -> None:
    columns = json.loads((folder / "facts/columns.json").read_bytes())
    columns["numbers"][0] = "phase of the moon"
    (folder / "facts/columns.json").write_text(json.dumps(columns))
    corrected(folder)
    with pytest.raises(BundleError, match=r"rankers/personal.json: .*other features .*phase of the moon"):
        open_bundle(folder)


def test_a_learned_ranker_without_facts_is_refused_and_blends_do_without(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "facts").iterdir():
        path.unlink()
    corrected(folder)
    with pytest.raises(BundleError, match="it has a learned ranker and no facts"):
        open_bundle(folder)
    of_blends = write_bundle(tmp_path / "other", draft_of(EVERY_SOURCE))
    for path in (of_blends / "facts").iterdir():
        path.unlink()
    corrected(of_blends)
    assert json.loads((of_blends / MANIFEST).read_bytes())["rankers"]
    assert open_bundle(of_blends).snapshot.rankers
