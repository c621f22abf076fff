"""Identities beyond those that profiles hold, and the rules of them all."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

_NOW = sa.text("now()")

customer_identities = sa.Table(
    "customer_identities",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    # In its normal form, by `rules.normal_value`.
    sa.Column("value", sa.Text, nullable=False),
    # Whose identifier it is; empty where there is only one giver.
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    # The imports that told it; null once anybody else has.
    sa.Column("told_by", sa.ARRAY(sa.Text)),
    sa.CheckConstraint("kind IN ('email', 'phone', 'external_id', 'device', 'card', 'account')", name="kind"),
    sa.CheckConstraint("first_seen_at <= last_seen_at", name="seen"),
    # The identities of a customer, each once.
    sa.UniqueConstraint("customer_id", "kind", "value", "source"),
    # Resolution.
    sa.Index(None, "kind", "value"),
)

# One row, once somebody has changed the rules.
identity_rules = sa.Table(
    "identity_rules",
    metadata,
    sa.Column("id", sa.Boolean, primary_key=True, server_default=sa.text("true")),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("rules", JSONB, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("id", name="single"),
)
