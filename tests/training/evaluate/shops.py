"""A shop of two communities who come every week: some of what they buy is the same each time, some is new."""

from datetime import timedelta
from random import Random

from tests.worlds import NOW, event, event_frame, item, item_frame, microseconds
from training.config import Recipe
from training.read import ShopData

CUTOFF = NOW - timedelta(days=28)
CUTOFF_US = microseconds(CUTOFF)
RECIPE = Recipe(min_shoppers=2, horizon_days=28, seed=3)


def weekly_shop() -> ShopData:
    """20 gardeners and 20 cooks, 16 weekly orders each: three staples and one of the community's other items."""
    chance, rows = Random("weekly"), []  # noqa: S311 - a shop, not a secret
    items = {name: [f"{name}-{number}" for number in range(18)] for name in ("garden", "kitchen")}
    for name, ids in items.items():
        for number in range(20):
            shopper, staples = f"u:{name}-{number}", chance.sample(ids, 3)
            for week in range(1, 17):
                ts = NOW - timedelta(days=7 * week - chance.randrange(5), hours=5)
                order = f"{shopper}/{week}"
                basket = [*staples, chance.choice([it for it in ids if it not in staples])]
                rows += [event(shopper, it, ts, order_id=order, price=float(len(it))) for it in basket]
    return ShopData(event_frame(rows), item_frame(item(it, (name,)) for name, ids in items.items() for it in ids), 0)
