"""The sources, by name. A source is two small files of one name: this package answers, training/fit/ learns."""

from typing import Final

from models.sources.als import Als
from models.sources.als_cold import AlsCold
from models.sources.base import Source
from models.sources.bought_together import BoughtTogether
from models.sources.buy_again import BuyAgain
from models.sources.comes_next import ComesNext
from models.sources.content import Content
from models.sources.covisitation import Covisitation
from models.sources.item_knn import ItemKnn
from models.sources.look_again import LookAgain
from models.sources.new import New
from models.sources.popular import Popular
from models.sources.trending import Trending

SOURCES: Final[dict[str, type[Source]]] = {
    source.name: source
    for source in (
        Als,
        AlsCold,
        ItemKnn,
        Covisitation,
        ComesNext,
        BoughtTogether,
        Content,
        BuyAgain,
        LookAgain,
        Trending,
        Popular,
        New,
    )
}
"""Name -> class. The order is that of reports and of the columns of candidates."""
