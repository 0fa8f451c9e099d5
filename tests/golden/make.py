"""Make the golden bundle of the schema that this Endcap writes, and the answers it gives.

    python -m tests.golden.make

Run it once for each new schema version, and keep what it made for ever: what an Endcap wrote, every later one has to
open, or to refuse by name.
"""

import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl
from rich.console import Console

from models.placement import Placement
from models.sources import SOURCES
from store.bundles.manifest import MANIFEST, SCHEMA_VERSION
from store.bundles.published import PublishedBundles
from store.bundles.read import Bundle, open_bundle
from store.opening import open_database
from store.placements import read_placements
from tests.shops import RECIPE, corner_shop, stock
from tests.worlds import NOW, item, item_frame
from training.progress import Steps
from training.ranker_settings import RankerSettings
from training.read import ShopData
from training.run import train

HERE: Final = Path(__file__).parent

# Rankers of its own, too: small ones, that learn from little. Few seeds let one through: the shop is one of chance.
GOLDEN_RECIPE = RECIPE.model_copy(
    update={"seed": 1, "ranker": RankerSettings(min_right=5, min_examples=20, trees=10, leaves=4, hidden=(8,))}
)

# Placements of its own: what the shop is given to begin with may change.
ALL = dict.fromkeys(SOURCES, 50)
HOME = Placement("golden home", "personal", ALL, max_per_category=8)
NEW_FOR_YOU = Placement("golden new-for-you", "new_to_you", ALL, known="mask")
PRODUCT = Placement("golden product", "similar", ALL)
CART = Placement("golden cart", "complement", ALL)
QUESTIONS: Final[tuple[dict[str, Any], ...]] = (
    {"item_ids": ["garden-1", "garden-2", "garden-1"], "placement": HOME},
    {"item_ids": ["kitchen-1", "kitchen-7"], "placement": NEW_FOR_YOU},
    {"item_ids": ["kitchen-1", "garden-7"], "placement": HOME, "n": 24},
    {"item_ids": [], "placement": HOME},
    {"item_ids": [], "placement": PRODUCT, "anchor_ids": ["garden-3"]},
    {"item_ids": ["garden-1"], "placement": PRODUCT, "anchor_ids": ["kitchen-new"]},
    {"item_ids": ["garden-4"], "placement": CART, "anchor_ids": ["garden-1", "garden-2"]},
)


def shop() -> ShopData:
    """The corner shop with a new item for each community, described like an old one: every source has its say."""
    old = corner_shop()
    new = [
        item(f"{name}-new", (name,), tags=[name, "new"], brand=name, published_at=NOW - timedelta(days=days))
        for name, days in (("garden", 10), ("kitchen", 40))
    ]
    return ShopData(old.events, pl.concat([old.items, item_frame(new)]), 0)


def questions_of(bundle: Bundle) -> list[dict[str, Any]]:
    """The questions, and one to each source that the bundle has."""
    alone = [Placement(name, "personal", {name: 50}) for name in SOURCES if name in bundle.snapshot.sources]
    asked = {"item_ids": ["kitchen-3", "kitchen-4", "kitchen-3"]}
    return [*QUESTIONS, *(asked | {"placement": placement} for placement in alone)]


def answers_of(bundle: Bundle) -> list[list[dict[str, Any]]]:
    """The list for each of the questions."""
    return [[one.as_json() for one in bundle.recommend(**question).items] for question in questions_of(bundle)]


def main() -> None:
    """Train, take the bundle out of its house under a name of its own, and write down what it answers."""
    version = f"bundle-{SCHEMA_VERSION}"
    with TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/endcap.sqlite3")
        stock(database, shop())
        bundles = PublishedBundles(Path(folder) / "bundles")
        now = NOW + timedelta(hours=1)
        trained = train(
            database=database,
            bundles=bundles,
            recipe=GOLDEN_RECIPE,
            placements=read_placements(),
            now=now,
            steps=Steps(Console()),
        )
        database.close()
        made = bundles.folder(trained.version).rename(HERE / version)
    manifest = json.loads((made / MANIFEST).read_bytes())
    # Nothing that answers reads the report, and it is larger than all the rest.
    files = {name: entry for name, entry in manifest["files"].items() if not name.startswith("report.")}
    for name in manifest["files"].keys() - files.keys():
        (made / name).unlink()
    (made / MANIFEST).write_text(json.dumps(manifest | {"version": version, "files": files}, indent=1) + "\n")
    answers = json.dumps(answers_of(open_bundle(made)), indent=1)
    (HERE / f"{version}.answers.json").write_text(answers + "\n")


if __name__ == "__main__":
    main()
