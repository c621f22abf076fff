"""Challenges, what counts for them, and who met them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from loyalty.metadata import metadata

_NOW = sa.text("clock_timestamp()")

challenges = sa.Table(
    "challenges",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("name", JSONB, nullable=False),
    sa.Column("description", JSONB),
    # Goal, condition, how often, reward: they never change.
    sa.Column("terms", JSONB, nullable=False),
    sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ends_at", sa.DateTime(timezone=True)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("ends_at >= starts_at", name="ends_at"),
    # The list, page by page.
    sa.Index("ix_challenges_created_at", "programme_id", "created_at", "id"),
)

challenge_orders = sa.Table(
    "challenge_orders",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("facts", JSONB, nullable=False),
    sa.Column("traits", JSONB, nullable=False),
    # What is kept of a customer.
    sa.Index("ix_challenge_orders_customer_id", "customer_id"),
)

challenge_returns = sa.Table(
    "challenge_returns",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
    # None is a cancellation: all that is left.
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("lines", JSONB, nullable=False),
    # What came back of an order.
    sa.Index("ix_challenge_returns_order_id", "order_id"),
    # What is kept of a customer.
    sa.Index("ix_challenge_returns_customer_id", "customer_id"),
)

challenge_facts = sa.Table(
    "challenge_facts",
    metadata,
    sa.Column("challenge_id", sa.Text, sa.ForeignKey("challenges.id"), nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    # What is left of it after returns.
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("challenge_id", "source_id"),
    sa.CheckConstraint("amount >= 0", name="amount"),
    # What counts for a customer.
    sa.Index("ix_challenge_facts_customer_id", "customer_id", "challenge_id", "occurred_at"),
)

challenge_locks = sa.Table(
    "challenge_locks",
    metadata,
    sa.Column("challenge_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    # How far the family is after all that counted until something; none where it has to be counted anew.
    sa.Column("tally", JSONB),
    sa.PrimaryKeyConstraint("challenge_id", "customer_id"),
)

challenge_completions = sa.Table(
    "challenge_completions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("challenge_id", sa.Text, sa.ForeignKey("challenges.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    # The how-manieth of the customer.
    sa.Column("number", sa.Integer, nullable=False),
    # Of its last event: odd when it stands, even when a return took it.
    sa.Column("sequence", sa.Integer, nullable=False, server_default=sa.text("1")),
    sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("entry_id", sa.Text),
    sa.Column("voucher_code", sa.Text),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("revoked_at", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("challenge_id", "customer_id", "number", name="uq_challenge_completions_number"),
    sa.CheckConstraint("number > 0 AND sequence > 0", name="number"),
    # What a customer has completed.
    sa.Index("ix_challenge_completions_customer_id", "customer_id", "challenge_id"),
)
