"""The referral scheme with its versions, members' codes, who referred whom, and what they got for it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from loyalty.metadata import metadata

_NOW = sa.text("clock_timestamp()")

referral_schemes = sa.Table(
    "referral_schemes",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("terms", JSONB, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
)

referral_codes = sa.Table(
    "referral_codes",
    metadata,
    sa.Column("code", sa.Text(collation="C"), primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id"), nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    # When its member was erased: nobody is referred by it any more.
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    # A member has one.
    sa.UniqueConstraint("customer_id"),
)

referrals = sa.Table(
    "referrals",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # How many events have told of it.
    sa.Column("told", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("code", sa.Text(collation="C"), sa.ForeignKey("referral_codes.code"), nullable=False),
    sa.Column("referrer_id", sa.Text, nullable=False),
    # May not be a member yet.
    sa.Column("referred_id", sa.Text, nullable=False),
    sa.Column("scheme_version", sa.BigInteger, sa.ForeignKey("referral_schemes.version"), nullable=False),
    sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'pending'")),
    sa.Column("reason", sa.Text),
    sa.Column("suspicions", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    # Those of them that somebody looked at and found nothing.
    sa.Column("cleared", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    # The order that met the condition, and when it can be returned no more.
    sa.Column("order_id", sa.Text),
    sa.Column("due_at", sa.DateTime(timezone=True)),
    sa.Column("completed_at", sa.DateTime(timezone=True)),
    sa.Column("reversed_at", sa.DateTime(timezone=True)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    # Nobody is referred twice.
    sa.UniqueConstraint("referred_id"),
    sa.CheckConstraint(
        "state IN ('pending', 'qualified', 'waiting', 'completed', 'refused', 'lapsed', 'reversing', 'reversed')", name="state"
    ),
    sa.CheckConstraint("referrer_id <> referred_id", name="oneself"),
    sa.CheckConstraint("state NOT IN ('qualified', 'waiting', 'completed') OR due_at IS NOT NULL", name="due"),
    sa.CheckConstraint("(completed_at IS NOT NULL) = (state IN ('completed', 'reversing', 'reversed'))", name="completed"),
    sa.CheckConstraint("(reversed_at IS NOT NULL) = (state = 'reversed')", name="reversed"),
    # What a member referred; the lists; what is due, is to be taken back, and has lapsed.
    sa.Index("ix_referrals_of_referrer", "referrer_id", "created_at", "id"),
    sa.Index("ix_referrals_state", "state", "created_at", "id"),
    sa.Index("ix_referrals_created_at", "created_at", "id"),
    sa.Index("ix_referrals_due", "due_at", postgresql_where=sa.text("state = 'qualified'")),
    sa.Index("ix_referrals_reversing", "id", postgresql_where=sa.text("state = 'reversing'")),
    sa.Index("ix_referrals_lapsing", "lapses_at", postgresql_where=sa.text("state = 'pending'")),
)

referral_orders = sa.Table(
    "referral_orders",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("facts", JSONB, nullable=False),
    # What is kept of a customer.
    sa.Index("ix_referral_orders_customer_id", "customer_id"),
)

referral_rewards = sa.Table(
    "referral_rewards",
    metadata,
    sa.Column("referral_id", sa.Text, sa.ForeignKey("referrals.id"), nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    # no_voucher: the batch had none left.
    sa.Column("kind", sa.Text, nullable=False),
    # The entry, the code, or the batch.
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger),
    sa.PrimaryKeyConstraint("referral_id", "side", "kind", "subject_id"),
    sa.CheckConstraint("side IN ('referrer', 'referred')", name="side"),
    sa.CheckConstraint("kind IN ('points', 'rule', 'voucher', 'no_voucher')", name="kind"),
    sa.CheckConstraint("(points IS NOT NULL) = (kind IN ('points', 'rule'))", name="points"),
    # What a member got.
    sa.Index("ix_referral_rewards_customer_id", "customer_id"),
)
