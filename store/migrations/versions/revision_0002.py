"""Exposures: what the service showed to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "exposures",
        sa.Column("recommendation_id", sa.Text, nullable=False),
        sa.Column("ts_us", sa.BigInteger, nullable=False),
        sa.Column("shopper", sa.Text),
        sa.Column("placement", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("variant", sa.Text),
        sa.Column("item_ids", sa.Text, nullable=False),
        sa.Column("positions", sa.Text, nullable=False),
        sa.Column("propensities", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("recommendation_id", name="exposures_pkey"),
    )
    named = sa.text("shopper IS NOT NULL")
    op.create_index("exposures_ts_us", "exposures", ["ts_us"])
    op.create_index("exposures_by_shopper", "exposures", ["shopper"], sqlite_where=named, postgresql_where=named)
