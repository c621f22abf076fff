"""What people write about a customer."""

import sqlalchemy as sa

from customers.tables import metadata

_NOW = sa.text("now()")

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # The record that it was written about, whomever it was merged into since.
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    # The principal of the caller.
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("is_pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("version > 0", name="version"),
    # The notes on a customer, newest first; and the pinned ones.
    sa.Index(None, "customer_id", "created_at", "id"),
    sa.Index("ix_notes_pinned", "customer_id", "created_at", "id", postgresql_where=sa.text("is_pinned")),
)
