"""The days before the test: what tuning may look at."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from models.errors import InputError
from training.config import Recipe
from training.evaluate import fixed_split, leave_one_out
from training.evaluate.frames import liked
from training.evaluate.held_out import known_before
from training.evaluate.protocols import Given, cutoff_us_of

_NO_VALIDATION: Final = (fixed_split.NAME,)


def before_the_test(protocols: Sequence[str], given: Given, recipe: Recipe) -> Given:
    """Return a shop that ends where the test of the protocols begins: measured on that, the test stays unseen.

    With a cut by time it ends at the cutoff, with a test in a file of its own it is the other file. Of leave-one-out
    each shopper's last item is taken away, and the validation item becomes the last.
    Raises InputError for a protocol that has no such past.
    """
    (name, *_) = protocols
    if name in _NO_VALIDATION:
        raise InputError(
            f"protocol {name} has no validation of its own: tune with another --protocol on the --train file"
        )
    if name == leave_one_out.NAME:
        return replace(given, shop=replace(given.shop, events=_without_the_last(given, recipe)))
    cutoff_us = cutoff_us_of(name, given)
    shop = known_before(given.shop, cutoff_us) if given.test is None else given.shop
    return replace(given, shop=shop, test=None, until_us=cutoff_us, cutoff_us=None)


def _without_the_last(given: Given, recipe: Recipe) -> pl.DataFrame:
    """Return the events without all that a shopper did with the item that came to them last."""
    firsts = liked(given.shop.events, recipe.memory.memory()).filter(
        pl.struct("shopper", "item_id").is_first_distinct()
    )
    last = firsts.group_by("shopper", maintain_order=True).last().select("shopper", "item_id")
    return given.shop.events.join(last, on=["shopper", "item_id"], how="anti", maintain_order="left")
