"""Partners, their keys, what they posted, what they used of their limits, and the periods that are settled."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from loyalty.metadata import metadata

_NOW = sa.text("clock_timestamp()")

partners = sa.Table(
    "partners",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("may_accrue", sa.Boolean, nullable=False),
    sa.Column("may_redeem", sa.Boolean, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    # What he pays for so many points that he gives, and gets for so many that he takes.
    sa.Column("accrual_price_minor", sa.BigInteger, nullable=False),
    sa.Column("accrual_price_points", sa.BigInteger, nullable=False),
    sa.Column("redemption_price_minor", sa.BigInteger, nullable=False),
    sa.Column("redemption_price_points", sa.BigInteger, nullable=False),
    # How many points his customers get for so much money, where he tells amounts.
    sa.Column("earn_points", sa.BigInteger),
    sa.Column("earn_minor", sa.BigInteger),
    sa.Column("accrual_limits", JSONB, nullable=False),
    sa.Column("redemption_limits", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint(
        "accrual_price_minor >= 0 AND accrual_price_points > 0 AND redemption_price_minor >= 0 AND redemption_price_points > 0",
        name="prices",
    ),
    sa.CheckConstraint("(earn_points IS NULL) = (earn_minor IS NULL) AND earn_points > 0 AND earn_minor > 0", name="earn"),
    # The list.
    sa.Index("ix_partners_created_at", "created_at", "id"),
)

partner_keys = sa.Table(
    "partner_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("partner_id", sa.Text, sa.ForeignKey("partners.id"), nullable=False),
    sa.Column("bound_by", sa.Text, nullable=False),
    sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    # The keys of a partner.
    sa.Index("ix_partner_keys_partner_id", "partner_id", "key_id"),
)

partner_transactions = sa.Table(
    "partner_transactions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("partner_id", sa.Text, sa.ForeignKey("partners.id"), nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    # The partner's own word for it; the id once the member is erased.
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("amount_minor", sa.BigInteger),
    # The price on its day.
    sa.Column("price_minor", sa.BigInteger, nullable=False),
    sa.Column("price_points", sa.BigInteger, nullable=False),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # Never before a period that is settled: taken while the partner is held.
    sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("reverses", sa.Text, sa.ForeignKey("partner_transactions.id")),
    sa.Column("reversed_points", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # Which counters of `partner_usage` it counts in: pairs of customer and period.
    sa.Column("periods", JSONB, nullable=False, server_default=sa.text("'[]'")),
    # One posting a reference, however often the partner tells of it.
    sa.UniqueConstraint("partner_id", "reference"),
    sa.CheckConstraint("direction IN ('accrual', 'redemption', 'accrual_reversal', 'redemption_reversal')", name="direction"),
    sa.CheckConstraint("state IN ('posted', 'waiting', 'refused')", name="state"),
    sa.CheckConstraint("points > 0", name="points"),
    sa.CheckConstraint("reversed_points BETWEEN 0 AND points", name="reversed_points"),
    sa.CheckConstraint(r"(direction LIKE '%\_reversal') = (reverses IS NOT NULL)", name="reverses"),
    # A partner's list, newest first, and what a period holds.
    sa.Index("ix_partner_transactions_of_partner", "partner_id", "posted_at", "id"),
    # What is kept of a member.
    sa.Index("ix_partner_transactions_customer_id", "customer_id", "posted_at"),
)

partner_usage = sa.Table(
    "partner_usage",
    metadata,
    sa.Column("partner_id", sa.Text, sa.ForeignKey("partners.id"), nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    # Empty for all members together.
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.PrimaryKeyConstraint("partner_id", "direction", "customer_id", "period"),
    sa.CheckConstraint("points >= 0", name="points"),
)

# Append-only in fact: there is no statement that changes it.
partner_settlements = sa.Table(
    "partner_settlements",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("partner_id", sa.Text, sa.ForeignKey("partners.id"), nullable=False),
    sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("report", JSONB, nullable=False),
    sa.Column("closed_by", sa.Text, nullable=False),
    sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    # Periods follow each other.
    sa.UniqueConstraint("partner_id", "from_at"),
    sa.CheckConstraint("until_at > from_at", name="period"),
)
