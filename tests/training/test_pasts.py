"""The past that training stores of a shopper is what serving would build from the same events."""

import pytest

from models.history import Past
from models.packing import unpack
from tests.worlds import MEMORY, every_world, history_of, microseconds
from training.pasts import pasts_of, stored_pasts

WORLDS = {world.name: world for world in every_world()}


def told(past: Past) -> dict[str, str]:
    columns = [name for name in past.rows.__dataclass_fields__ if name not in {"owners", "items"}]
    return {
        item_id: " ".join(f"{getattr(past.rows, name)[place]:.4f}" for name in columns)
        for place, item_id in enumerate(past.item_ids)
    }


@pytest.mark.parametrize("name", WORLDS)
def test_every_shopper_of_a_world_gets_the_past_that_serving_would_build(name: str) -> None:
    world = WORLDS[name]
    pasts = dict(pasts_of(world.data()))
    assert set(pasts) == set(world.events["shopper"])
    for shopper in list(pasts)[:20]:
        events = world.events.filter(world.events["shopper"] == shopper)
        history = history_of(events, before=world.now, cut=world.now)
        assert told(pasts[shopper]) == told(history.past)


def test_a_stored_past_says_when_and_with_which_memory_it_was_built() -> None:
    world = WORLDS["repeat buyer"]
    pasts = dict(pasts_of(world.data()))
    for shopper, as_of_us, digest, packed in stored_pasts(world.data()):
        assert as_of_us == microseconds(world.now) - 1
        assert digest == MEMORY.digest()
        assert told(unpack(packed)) == told(pasts[shopper])
