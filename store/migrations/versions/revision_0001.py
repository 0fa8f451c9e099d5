"""The first schema: events, catalogue, shoppers, pasts, imports and settings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_sequence = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    _create_events()
    _create_catalogue()
    _create_shoppers()
    _create_records()


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _sequence, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("digest", sa.BigInteger, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text),
        sa.Column("anonymous_id", sa.Text),
        sa.Column("session_id", sa.Text),
        sa.Column("item_id", sa.Text),
        sa.Column("ts_us", sa.BigInteger, nullable=False),
        sa.Column("quantity", sa.Numeric, nullable=False),
        sa.Column("price", sa.Numeric),
        sa.Column("currency", sa.Text),
        sa.Column("order_id", sa.Text),
        sa.Column("value", sa.Numeric),
        sa.Column("recommendation_id", sa.Text),
        sa.Column("position", sa.Integer),
        sa.Column("channel", sa.Text),
        sa.Column("properties", sa.Text),
        sa.CheckConstraint("user_id IS NOT NULL OR anonymous_id IS NOT NULL", name="events_has_a_shopper"),
        sa.PrimaryKeyConstraint("seq", name="events_pkey"),
        sa.UniqueConstraint("event_id", name="events_event_id_key"),
    )
    for name, column in (("events_by_user", "user_id"), ("events_by_anonymous", "anonymous_id")):
        known = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "events", [column, "ts_us"], sqlite_where=known, postgresql_where=known)


def _create_catalogue() -> None:
    op.create_table(
        "items",
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("group_id", sa.Text),
        sa.Column("title", sa.Text),
        sa.Column("description", sa.Text),
        sa.Column("category", sa.Text),
        sa.Column("brand", sa.Text),
        sa.Column("price", sa.Numeric),
        sa.Column("currency", sa.Text),
        sa.Column("margin", sa.Numeric),
        sa.Column("in_stock", sa.Boolean, nullable=False),
        sa.Column("recommendable", sa.Boolean, nullable=False),
        sa.Column("available_from_us", sa.BigInteger),
        sa.Column("available_until_us", sa.BigInteger),
        sa.Column("tags", sa.Text),
        sa.Column("attributes", sa.Text),
        sa.Column("image_url", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("published_at_us", sa.BigInteger),
        sa.Column("embedding", sa.LargeBinary),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="items_pkey"),
    )


def _create_shoppers() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("attributes", sa.Text),
        sa.Column("created_at_us", sa.BigInteger),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="users_pkey"),
    )
    op.create_table(
        "histories",
        sa.Column("shopper", sa.Text, nullable=False),
        sa.Column("as_of_us", sa.BigInteger, nullable=False),
        sa.Column("memory", sa.Text, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("shopper", name="histories_pkey"),
    )


def _create_records() -> None:
    op.create_table(
        "imports",
        sa.Column("import_id", _sequence, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("mapping", sa.Text, nullable=False),
        sa.Column("lines_done", sa.BigInteger, nullable=False),
        sa.Column("accepted", sa.BigInteger, nullable=False),
        sa.Column("duplicates", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("finished_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("import_id", name="imports_pkey"),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="settings_pkey"),
    )
