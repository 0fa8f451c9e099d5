import os
import uuid
from time import time_ns

import pytest

from service.recommendation_ids import PREFIX, new_recommendation_id


def parsed(recommendation_id: str) -> uuid.UUID:
    assert recommendation_id.startswith(PREFIX)
    return uuid.UUID(recommendation_id.removeprefix(PREFIX))


def test_an_id_is_a_uuid_of_version_7_that_says_when_it_was_made() -> None:
    before_ms = time_ns() // 1_000_000
    found = parsed(new_recommendation_id())
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert before_ms <= found.int >> 80 <= time_ns() // 1_000_000


def test_ids_differ_within_a_millisecond() -> None:
    assert len({new_recommendation_id() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("chance", [b"\x00" * 10, b"\xff" * 10])
def test_no_chance_touches_version_or_variant(chance: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda _: chance)
    found = parsed(new_recommendation_id())
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
