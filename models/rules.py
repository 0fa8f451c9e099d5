"""What a shop lays over a ranking: the mask before retrieval, and the limits after it."""

from collections import Counter
from dataclasses import dataclass
from math import inf

import numpy as np

from models.arrays import Int32, Int64, Mask
from models.catalogue import Catalogue
from models.context import Context
from models.placement import Placement

_LOOKED_AT_FIRST = 3
"""Rows per row of the list."""


def eligible(context: Context, catalogue: Catalogue, placement: Placement) -> Mask:
    """Mark what this request may show at all, shape (n,): never relaxed.

    In stock, available and recommendable now, of the category, not excluded, not an anchor nor a variant of one, and
    within what the placement says of items bought before.
    """
    mask = catalogue.eligible(context.now_us)
    if context.category:
        mask &= catalogue.within(context.category)
    if placement.known == "only":
        bought = np.zeros(len(mask), dtype=np.bool_)
        bought[context.bought] = True
        mask &= bought
    elif placement.known == "mask":
        mask[context.bought] = False
    if len(context.anchors):
        groups = catalogue.group_numbers[context.anchors]
        for group in set(groups[groups >= 0].tolist()):
            mask &= catalogue.group_numbers != group
        mask[context.anchors] = False
    mask[context.excluded] = False
    return mask


@dataclass(frozen=True)
class Limit:
    """At most so many items of a list may share a number; -1 is shared by none."""

    name: str
    numbers: Int32
    """Shape (n,), per row."""
    at_most: int


def limits_of(placement: Placement, catalogue: Catalogue) -> list[Limit]:
    """Return the placement's limits; the first gives way last."""
    limits = []
    if placement.one_per_group and catalogue.has_groups:
        limits.append(Limit("one_per_group", catalogue.group_numbers, 1))
    if placement.one_per_title:
        limits.append(Limit("one_per_title", catalogue.title_numbers, 1))
    if placement.max_per_category is not None:
        limits.append(Limit("max_per_category", catalogue.category_numbers, placement.max_per_category))
    return limits


@dataclass(frozen=True)
class Listed:
    """What the limits let through."""

    rows: Int32
    """Shape (<= n,), in order."""
    places: Int64
    """Shape (<= n,): where they stand in the ranking."""
    removed: Counter[str]
    """How many better-ranked rows each limit held back."""


def choose(rows: Int32, n: int, limits: list[Limit]) -> Listed:
    """Take the first n rows that keep all limits, best first. Cost: about 0.3 microseconds a row looked at."""
    if not limits:
        return Listed(rows[:n], np.arange(min(n, len(rows))), Counter())
    # Most lists are full long before the end of a ranking.
    listed = _chosen(rows[: _LOOKED_AT_FIRST * n], n, limits)
    return listed if len(listed.rows) == n else _chosen(rows, n, limits)


def _chosen(rows: Int32, n: int, limits: list[Limit]) -> Listed:
    removed: Counter[str] = Counter()
    chosen: list[int] = []
    columns = [limit.numbers[rows].tolist() for limit in limits]
    taken: list[dict[int, float]] = [{-1: -inf} for _ in limits]
    at_most = [limit.at_most for limit in limits]
    for place, numbers in enumerate(zip(*columns, strict=True)):
        for kind, number in enumerate(numbers):
            if taken[kind].get(number, 0) >= at_most[kind]:
                removed[limits[kind].name] += 1
                break
        else:
            chosen.append(place)
            if len(chosen) == n:
                break
            for counts, number in zip(taken, numbers, strict=True):
                counts[number] = counts.get(number, 0) + 1
    places = np.array(chosen, dtype=np.int64)
    return Listed(rows[places], places, removed)


def choose_enough(rows: Int32, n: int, limits: list[Limit]) -> Listed:
    """Take n rows while there are n: limits give way one by one, the last first, before a list stays short.

    What kept more limits stands before what kept fewer.
    """
    listed = choose(rows, n, limits)
    wanted = min(n, len(rows))
    for kept in range(len(limits) - 1, -1, -1):
        if len(listed.rows) >= wanted:
            break
        # Those already chosen stand first: they keep their places, and count towards the limits that are left.
        rest = np.setdiff1d(np.arange(len(rows)), listed.places)
        in_order = np.concatenate([listed.places, rest])
        again = choose(rows[in_order], n, limits[:kept])
        listed = Listed(again.rows, in_order[again.places], listed.removed)
    return listed
