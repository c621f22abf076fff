"""Who read and who changed what, and the chain of hashes over it."""

import sqlalchemy as sa

from customers.tables import metadata

# Append-only by trigger and by right. No values, only names of fields: it outlives whom it tells of.
audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text),
    sa.Column("subject_id", sa.Text),
    sa.Column("fields", sa.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    # The filters of the list.
    sa.Index(None, "customer_id", "id"),
    sa.Index(None, "actor", "id"),
    sa.Index(None, "action", "id"),
    sa.Index(None, "recorded_at", postgresql_using="brin"),
)
# Append-only. Written after the fact and in batches, so that no write waits for the one before it.
audit_chain = sa.Table(
    "audit_chain",
    metadata,
    sa.Column("link", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry_id", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("chained_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    # Which entries have no link yet.
    sa.UniqueConstraint("entry_id"),
    sa.CheckConstraint("link > 0", name="link"),
    # How far back an entry can still be without a link.
    sa.Index(None, "chained_at"),
)
