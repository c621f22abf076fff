"""Rewards that members have taken."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from loyalty.metadata import metadata

_PENDING = sa.text("status = 'pending'")

redemptions = sa.Table(
    "redemptions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("reward_id", sa.Text, sa.ForeignKey("rewards.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("option", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("wallet", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.Text),
    # The points wait in it until fulfilment; null when they were drawn at once.
    sa.Column("hold_id", sa.Text),
    sa.Column("voucher_codes", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    # A pending one whose time is over is as good as timed out; the status follows when somebody notes it.
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("fulfilled_at", sa.DateTime(timezone=True)),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("quantity > 0", name="quantity"),
    sa.CheckConstraint("points > 0", name="points"),
    sa.CheckConstraint("status IN ('pending', 'fulfilled', 'cancelled', 'timed_out')", name="status"),
    sa.CheckConstraint("status <> 'pending' OR (hold_id IS NOT NULL AND expires_at IS NOT NULL)", name="pending"),
    sa.CheckConstraint("(status IN ('cancelled', 'timed_out')) = (closed_at IS NOT NULL)", name="closed"),
    # A customer's, those of a status, and all, newest first.
    sa.Index(None, "customer_id", "created_at", "id"),
    sa.Index(None, "status", "created_at", "id"),
    sa.Index(None, "created_at", "id"),
    # How often a customer had a reward.
    sa.Index("ix_redemptions_customer_id_reward_id", "customer_id", "reward_id", "created_at"),
    # What has timed out, of all rewards and of one.
    sa.Index("ix_redemptions_due", "expires_at", postgresql_where=_PENDING),
    sa.Index("ix_redemptions_waiting", "reward_id", "expires_at", postgresql_where=_PENDING),
)
