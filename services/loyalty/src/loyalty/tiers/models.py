"""Tiers, how they are reached, and who stands where."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from loyalty.metadata import metadata

_NOW = sa.text("clock_timestamp()")

# As they are now; what counted when is in `tier_schemes`.
tiers = sa.Table(
    "tiers",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", JSONB, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("threshold", sa.BigInteger, nullable=False),
    sa.Column("benefits", JSONB, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.PrimaryKeyConstraint("programme_id", "code"),
    # The list, from the lowest up.
    sa.UniqueConstraint("programme_id", "rank"),
    sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]{0,39}$'", name="code"),
    sa.CheckConstraint("threshold >= 0", name="threshold"),
)

# Every change of tiers or qualification is a version of all of it, from a moment on.
tier_schemes = sa.Table(
    "tier_schemes",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
    # The programme's when the version was made.
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("qualification", JSONB, nullable=False),
    sa.Column("tiers", JSONB, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    # Until which customer the changes that the version makes are booked.
    sa.Column("booked_to", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("is_booked", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.PrimaryKeyConstraint("programme_id", "version"),
    sa.CheckConstraint("version > 0", name="version"),
)

# A person gave somebody a tier; a later one, also one without a tier, ends it.
tier_overrides = sa.Table(
    "tier_overrides",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("tier", sa.Text),
    sa.Column("until", sa.DateTime(timezone=True)),
    sa.Column("reason", sa.Text),
    sa.Column("actor", sa.Text),
    sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("until > set_at", name="until"),
    # What counts for a customer.
    sa.Index("ix_tier_overrides_customer_id", "customer_id", "set_at"),
)

# Where families stand, under the root's id: true from `steady_since` until `until` but for the news of them. Its lock orders what is told.
tier_standings = sa.Table(
    "tier_standings",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("tier", sa.Text),
    sa.Column("since", sa.DateTime(timezone=True)),
    sa.Column("until", sa.DateTime(timezone=True)),
    sa.Column("falls_to", sa.Text),
    # 0 when it has to be looked at anew.
    sa.Column("scheme_version", sa.Integer, nullable=False, server_default=sa.text("0")),
    # What the last event told, and its number.
    sa.Column("told_tier", sa.Text),
    sa.Column("sequence", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # Since when the tier, or none, has been what it is; with it a late order is told from one that comes after the last change.
    sa.Column("steady_since", sa.DateTime(timezone=True)),
    # Of who has much: what counted after a moment and until another by all news that were taken, and when last something of it came back.
    sa.Column("counted", sa.BigInteger),
    sa.Column("counted_after", sa.DateTime(timezone=True)),
    sa.Column("counted_upto", sa.DateTime(timezone=True)),
    sa.Column("moved_at", sa.DateTime(timezone=True)),
    sa.PrimaryKeyConstraint("programme_id", "customer_id"),
    sa.CheckConstraint("sequence >= 0", name="sequence"),
    # Who loses his tier next.
    sa.Index("ix_tier_standings_until", "programme_id", "until", "customer_id", postgresql_where=sa.text("until IS NOT NULL")),
)

# What happened to a customer that his standing does not know of yet, and from which instant on it may not be true therefore; written by
# triggers of what counts, taken by who looks at the standing.
tier_news = sa.Table(
    "tier_news",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
    sa.Column("is_less", sa.Boolean, nullable=False),
    # By how much what counts at a moment has changed, where that is known.
    sa.Column("counts_at", sa.DateTime(timezone=True)),
    sa.Column("delta", sa.BigInteger),
    # The news of a family.
    sa.Index("ix_tier_news_customer_id", "customer_id", "programme_id"),
)

# Changes as they were booked; what was learnt later superseded some.
tier_changes = sa.Table(
    "tier_changes",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("tier", sa.Text),
    sa.Column("previous", sa.Text),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("scheme_version", sa.Integer, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("superseded_at", sa.DateTime(timezone=True)),
    # The history of a customer.
    sa.Index("ix_tier_changes_customer_id", "programme_id", "customer_id", "changed_at"),
)
