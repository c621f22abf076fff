"""Pairs of records that may be the same person, and what people decided about them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from customers.tables import metadata

duplicate_pairs = sa.Table(
    "duplicate_pairs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("first_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("second_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("score", sa.SmallInteger, nullable=False),
    sa.Column("reasons", JSONB, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'open'")),
    sa.Column("found_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("decided_at", sa.DateTime(timezone=True)),
    sa.Column("decided_by", sa.Text),
    # What confirming it led to.
    sa.Column("merge_id", sa.Text),
    # How many events have told of it.
    sa.Column("told", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # A pair has one row, whichever of the two was looked at.
    sa.CheckConstraint('first_id COLLATE "C" < second_id COLLATE "C"', name="order"),
    sa.CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    sa.CheckConstraint("status IN ('open', 'rejected', 'confirmed')", name="status"),
    sa.CheckConstraint("(status = 'open') = (decided_at IS NULL)", name="decided"),
    sa.CheckConstraint("merge_id IS NULL OR status = 'confirmed'", name="merge"),
    sa.UniqueConstraint("first_id", "second_id"),
    # The pairs of a record from its other side.
    sa.Index(None, "second_id"),
    # The list, best first.
    sa.Index(None, "status", "score", "id"),
)

# Records that changed since they were last compared.
duplicate_checks = sa.Table(
    "duplicate_checks",
    metadata,
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), primary_key=True),
    sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    # Who waits longest.
    sa.Index(None, "marked_at", "customer_id"),
)

# Records that were seen with one device, card or account. No foreign keys: what is shared keeps nobody from being removed.
identity_sharings = sa.Table(
    "identity_sharings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("first_id", sa.Text, nullable=False),
    sa.Column("second_id", sa.Text, nullable=False),
    # Sorted; none once they share nothing any more.
    sa.Column("kinds", ARRAY(sa.Text), nullable=False),
    # The number of the last event that told of it.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.CheckConstraint('first_id COLLATE "C" < second_id COLLATE "C"', name="order"),
    sa.UniqueConstraint("first_id", "second_id"),
    # What a record shares, from its other side.
    sa.Index(None, "second_id"),
)
