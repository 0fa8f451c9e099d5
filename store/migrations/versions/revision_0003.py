"""No list of exposures by shopper: nothing asks for one, and most of the work of writing an exposure went into it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Drop the index."""
    op.drop_index("exposures_by_shopper", table_name="exposures")
