"""The columns of users, in the store's order."""

from training.importing.columns import ID, MAP, TIME
from training.importing.fields import Field

USER_FIELDS = (
    Field("user_id", ID, required=True),
    Field("attributes", MAP),
    Field("created_at", TIME),
)
