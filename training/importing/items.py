"""The columns of items, in the store's order."""

from training.importing.columns import FLAG, ID, MAP, MONEY, NUMBER, PATH, TAGS, TEXT, TIME, VECTOR
from training.importing.fields import Field

ITEM_FIELDS = (
    Field("item_id", ID, required=True),
    Field("group_id", ID),
    Field("title", TEXT),
    Field("description", TEXT),
    Field("category", PATH),
    Field("brand", TEXT),
    Field("price", MONEY),
    Field("currency", ID),
    Field("margin", NUMBER),
    Field("in_stock", FLAG, default=True),
    Field("recommendable", FLAG, default=True),
    Field("available_from", TIME),
    Field("available_until", TIME),
    Field("tags", TAGS),
    Field("attributes", MAP),
    Field("image_url", TEXT),
    Field("url", TEXT),
    Field("published_at", TIME),
    Field("embedding", VECTOR),
)
