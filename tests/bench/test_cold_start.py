import json
from pathlib import Path

import numpy as np
import pytest

from bench.cold_start import CATEGORY, CHANCE, drawn, hide, lists_among, main, popularity_of_category
from cli.given import Read
from tests.training.evaluate.shops import weekly_shop
from tests.worlds import NOW, World, event, event_frame, every_world, item, item_frame
from training.config import Recipe
from training.progress import Steps

WORLD = next(world for world in every_world() if world.name == "nobody bought it yet")


def test_a_share_of_the_items_that_five_shoppers_know_is_hidden_and_the_same_each_time() -> None:
    found = drawn(WORLD.events, WORLD.items, 0.2, seed=1)
    assert len(found) == 6
    assert found == drawn(WORLD.events, WORLD.items, 0.2, seed=1) != drawn(WORLD.events, WORLD.items, 0.2, seed=2)
    assert not {"bench", "wok"} & set(found)


@pytest.mark.parametrize("cutoff", ["", "-28d"])
def test_nothing_of_a_hidden_item_is_learned_and_whoever_is_asked_came_for_one(cutoff: str) -> None:
    hidden = hide(Read(weekly_shop(), None, WORLD.now_us), Recipe(), cutoff, 0.2, Steps())
    past, rows = hidden.asking.past, np.flatnonzero(hidden.is_hidden)
    assert len(rows) == 7
    assert not np.isin(past.events.items, rows).any()
    assert np.isin(hidden.asked.targets.rows, rows).all()
    assert hidden.asked.targets.sizes.all()
    for name, found in lists_among(hidden, hidden.is_hidden, seed=1).items():
        assert set(found[found >= 0].tolist()) <= set(rows.tolist()), name


def test_an_item_is_as_popular_as_what_its_category_sold_or_its_tags() -> None:
    items = [item("a", ("x", "y")), item("b", ("x", "y")), item("c", ("x",)), item("new", ("x", "y"))]
    items += [item("d", (), tags=["t"]), item("late", (), tags=["t", "nothing"]), item("mute", ())]
    bought = {"a": 3, "b": 1, "c": 9, "d": 4}
    events = [event(f"u:{user}", it, NOW.replace(month=10)) for it, n in bought.items() for user in range(n)]
    data = World("popular", event_frame(events), item_frame(items), ()).data()
    found = dict(zip(data.vocabulary.ids, popularity_of_category(data).tolist(), strict=True))
    assert found == {"a": 2, "b": 2, "new": 2, "c": 9, "d": 4, "late": 2, "mute": 0}


def test_it_measures_a_shop_in_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = WORLD.events.select(user_id="shopper", item_id="item_id", ts="ts", event_type="event_type")
    events.write_parquet(tmp_path / "events.parquet")
    WORLD.items.select("item_id", "brand").write_parquet(tmp_path / "items.parquet")
    files = [f"--{name}={tmp_path / name}.parquet" for name in ("events", "items")]
    assert main([*files, f"--json={tmp_path / 'found.json'}"]) == 0
    told = json.loads((tmp_path / "found.json").read_bytes())
    rows = {(row["model"], row["among"]): row["metrics"]["ndcg@20"]["value"] for row in told["rows"]}
    assert {model for model, _ in rows} == {"als_cold", "content", CATEGORY, CHANCE}
    assert rows["als_cold", "hidden"] > rows[CHANCE, "hidden"]
    assert "als_cold" in capsys.readouterr().out
