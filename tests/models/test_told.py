"""What a shop may print beside an item."""

import pytest

from models.sources import SOURCES
from models.told import ToldItem


def told(source: str, *titles: str) -> ToldItem:
    return ToldItem("id", 1, "title", 0.5, source, tuple(f"i{title}" for title in titles), titles)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_a_sentence_for_the_shopper(source: str) -> None:
    sentence = told(source, "Milk", "Bread").text
    assert source not in sentence
    assert ("Milk" in sentence) is (source not in {"buy_again", "look_again", "new", "popular", "trending"})


def test_items_without_a_title_are_not_named() -> None:
    assert told("content", "", "Bread").text == "Similar to Bread"
    assert told("content", "").text == "Similar to what you looked at"


@pytest.mark.parametrize("source", ["als", "a source of your own"])
def test_a_title_that_looks_like_a_template_is_a_title(source: str) -> None:
    assert "{0.__class__} {" in told(source, "{0.__class__} {").text
