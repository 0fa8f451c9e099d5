"""A bundle answers a history typed in by hand, as the page about notebooks says."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from models.errors import ConfigurationError, InputError, UnknownItemError
from store.bundles.by_hand import Answer
from store.bundles.published import PublishedBundles
from store.bundles.read import Bundle, open_bundle
from tests.store.bundles.drafts import written
from tests.worlds import NOW

PAGE = Path(__file__).parents[3] / "docs/notebook.md"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(written(tmp_path_factory.mktemp("bundles"), world_name="two communities"))


def ids(answer: Answer) -> list[str]:
    return [one.item_id for one in answer.items]


def test_the_three_documented_lines_answer(tmp_path: Path) -> None:
    folder = written(tmp_path, world_name="two communities")
    (lines,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    typed = lines.replace("var/bundles/VERSION", str(folder)).replace('"1095275", "1029743"', '"garden-1", "garden-2"')
    *before, asked = [line for line in typed.splitlines() if line]
    assert len(before) == 2
    names: dict[str, object] = {}
    exec("\n".join(before), names)  # noqa: S102 - the lines of our own page
    answer = eval(asked, names)  # noqa: S307 - the same
    assert isinstance(answer, Answer)
    assert ids(answer)[0].startswith("garden")


def test_the_champion_answers_too(tmp_path: Path) -> None:
    bundles = PublishedBundles(tmp_path)
    bundles.promote(written(tmp_path).name, at="now")
    assert ids(bundles.champion().recommend(n=3))


def test_what_was_typed_decides_what_is_answered(bundle: Bundle) -> None:
    for community in ("garden", "kitchen"):
        answer = bundle.recommend([f"{community}-{number}" for number in (1, 2, 3)], placement="new-for-you", n=3)
        assert len(answer.items) == 3
        assert {item_id.partition("-")[0] for item_id in ids(answer)} == {community}
        assert not {f"{community}-1", f"{community}-2", f"{community}-3"} & set(ids(answer))


def test_the_last_typed_is_the_newest(bundle: Bundle) -> None:
    years = ["not in the bundle"] * 700
    for newest, oldest in (("garden", "kitchen"), ("kitchen", "garden")):
        answer = bundle.recommend([f"{oldest}-1", *years, f"{newest}-1"], placement="new-for-you", n=1)
        assert ids(answer)[0].startswith(newest)


def test_now_is_the_end_of_the_data_unless_another_time_is_given(bundle: Bundle) -> None:
    catalogue = bundle.snapshot.catalogue
    until_us = np.full(len(catalogue), bundle.manifest.data.until_us + 1)
    closing = Bundle(bundle.manifest, bundle.with_catalogue(replace(catalogue, available_until_us=until_us)))
    assert len(closing.recommend(["garden-1"], n=3).items) == 3
    assert len(closing.recommend(["garden-1"], n=3, now=NOW).items) == 3
    assert len(closing.recommend(["garden-1"], n=3, now=NOW + timedelta(hours=1)).items) == 0


def test_nothing_typed_is_a_new_shopper(bundle: Bundle) -> None:
    assert len(bundle.recommend(n=5).items) == 5


def test_what_the_bundle_does_not_know_is_said(bundle: Bundle) -> None:
    answer = bundle.recommend(["garden-1", "gardne-2"], anchor_ids=["kitchen-1", "kitchne-2"], placement="cart")
    assert answer.unknown_item_ids == ("gardne-2", "kitchne-2")
    assert repr(answer).endswith("not in the bundle, ignored: gardne-2, kitchne-2")


def test_an_unknown_product_and_an_unknown_placement_are_refused(bundle: Bundle) -> None:
    with pytest.raises(UnknownItemError, match="item 'spade' is not in"):
        bundle.recommend(placement="product", anchor_ids=["spade"])
    with pytest.raises(ConfigurationError, match="no placement 'hom'; did you mean 'home'"):
        bundle.recommend(placement="hom")


def test_the_answer_is_a_table_in_a_shell_and_in_a_notebook(bundle: Bundle) -> None:
    answer = bundle.recommend(["garden-1"], n=3)
    head, *lines = repr(answer).splitlines()
    assert head.split() == ["#", "item", "title", "score", "why"]
    assert [line.split()[1] for line in lines] == ids(answer)
    html = answer._repr_html_()
    assert html.count("<tr>") == 4
    assert all(f"<td>{item_id}</td>" in html for item_id in ids(answer))


def test_a_title_cannot_become_markup(bundle: Bundle) -> None:
    (one, *_) = bundle.recommend(["<b>"], n=1).items
    answer = Answer((one,), ("<script>",))
    assert "<script>" not in answer._repr_html_()
    assert "&lt;script&gt;" in answer._repr_html_()


@pytest.mark.parametrize("typed", ["1095275", [1095275]])
def test_ids_that_are_no_list_of_text_are_refused_with_an_example(typed: list[str], bundle: Bundle) -> None:
    with pytest.raises(InputError, match="a list of item ids"):
        bundle.recommend(typed)
    with pytest.raises(InputError, match="at least 1"):
        bundle.recommend(["garden-1"], n=0)
