import pytest

from store.placements import read_placements
from tests.training.evaluate.shops import CUTOFF_US, RECIPE, weekly_shop
from training.progress import Steps
from training.read import ShopData
from training.trial import Trial, fit_trial


@pytest.fixture(scope="session")
def shop() -> ShopData:
    return weekly_shop()


@pytest.fixture(scope="session")
def trial(shop: ShopData) -> Trial:
    """Everything that the default recipe has, fitted as of four weeks before the end."""
    return fit_trial(shop, RECIPE, read_placements(), CUTOFF_US, Steps())
