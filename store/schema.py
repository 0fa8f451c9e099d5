"""The tables: what Endcap keeps in SQL, the same on SQLite and on PostgreSQL.

Times are BIGINT microseconds since the epoch, UTC; their names end in `_us`. Maps and lists are JSON text. A change
here needs a migration in store/migrations, and a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
)

REVISIONS = ("0001", "0002", "0003")
"""Every revision of the schema that this Endcap knows, oldest first; the last one is the schema below."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ix": "%(table_name)s_%(column_0_N_name)s",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)

# SQLite makes a column the row's own number only when its type is spelt INTEGER; 64 bits there too.
_sequence = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("seq", _sequence, primary_key=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("digest", BigInteger, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("user_id", Text),
    Column("anonymous_id", Text),
    Column("session_id", Text),
    Column("item_id", Text),
    Column("ts_us", BigInteger, nullable=False),
    Column("quantity", Numeric, nullable=False),
    Column("price", Numeric),
    Column("currency", Text),
    Column("order_id", Text),
    Column("value", Numeric),
    Column("recommendation_id", Text),
    Column("position", Integer),
    Column("channel", Text),
    Column("properties", Text),
    CheckConstraint("user_id IS NOT NULL OR anonymous_id IS NOT NULL", name="has_a_shopper"),
)
"""One row an event; `seq` is the order of arrival, `digest` a hash of the client's own fields (signed 64 bits)."""

for _name, _column in (("events_by_user", events.c.user_id), ("events_by_anonymous", events.c.anonymous_id)):
    _known = _column.is_not(None)
    Index(_name, _column, events.c.ts_us, sqlite_where=_known, postgresql_where=_known)

items = Table(
    "items",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("group_id", Text),
    Column("title", Text),
    Column("description", Text),
    Column("category", Text),
    Column("brand", Text),
    Column("price", Numeric),
    Column("currency", Text),
    Column("margin", Numeric),
    Column("in_stock", Boolean, nullable=False),
    Column("recommendable", Boolean, nullable=False),
    Column("available_from_us", BigInteger),
    Column("available_until_us", BigInteger),
    Column("tags", Text),
    Column("attributes", Text),
    Column("image_url", Text),
    Column("url", Text),
    Column("published_at_us", BigInteger),
    Column("embedding", LargeBinary),
    Column("changed_us", BigInteger, nullable=False),
)
"""The catalogue: `category` (a path) and `tags` are JSON lists, `attributes` a JSON map, `embedding` float32 bytes."""

users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("attributes", Text),
    Column("created_at_us", BigInteger),
    Column("changed_us", BigInteger, nullable=False),
)

histories = Table(
    "histories",
    metadata,
    Column("shopper", Text, primary_key=True),
    Column("as_of_us", BigInteger, nullable=False),
    Column("memory", Text, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)
"""The past of each shopper, by shopper key, as training packed it; `memory` is a digest of the settings it used."""

imports = Table(
    "imports",
    metadata,
    Column("import_id", _sequence, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("lines_done", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("finished_us", BigInteger),
)
"""One row a run of an import: what was read, and how far."""

settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What this database decided once and for all, such as the shift of a demo's times."""

exposures = Table(
    "exposures",
    metadata,
    Column("recommendation_id", Text, primary_key=True),
    Column("ts_us", BigInteger, nullable=False, index=True),
    Column("shopper", Text),
    Column("placement", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("variant", Text),
    Column("item_ids", Text, nullable=False),
    Column("positions", Text, nullable=False),
    Column("propensities", Text, nullable=False),
)
"""One row an answer that was given: what was shown to whom. The last three are JSON lists of one length; `shopper` is a
shopper key, NULL where nobody was named."""
