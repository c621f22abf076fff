"""Earning rules, their versions, and what they gave against their limits."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from loyalty.metadata import metadata

_NOW = sa.text("clock_timestamp()")

rules = sa.Table(
    "rules",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    # The list of rules, page by page.
    sa.Index("ix_rules_created_at", "created_at", "id"),
)

# A trigger refuses to change what is published but for its end.
rule_versions = sa.Table(
    "rule_versions",
    metadata,
    sa.Column("rule_id", sa.Text, sa.ForeignKey("rules.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("terms", JSONB, nullable=False),
    sa.Column("effective_from", sa.DateTime(timezone=True)),
    sa.Column("effective_until", sa.DateTime(timezone=True)),
    sa.Column("published_at", sa.DateTime(timezone=True)),
    sa.PrimaryKeyConstraint("rule_id", "version"),
    # Which version counts at a moment must have one answer.
    sa.UniqueConstraint("rule_id", "effective_from"),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("(published_at IS NULL) = (effective_from IS NULL)", name="published"),
    sa.CheckConstraint("effective_until > effective_from", name="until"),
    # One draft a rule.
    sa.Index("ix_rule_versions_draft", "rule_id", unique=True, postgresql_where=sa.text("published_at IS NULL")),
)

rule_usage = sa.Table(
    "rule_usage",
    metadata,
    sa.Column("rule_id", sa.Text, nullable=False),
    # Both are empty for the budget.
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.PrimaryKeyConstraint("rule_id", "customer_id", "period"),
    sa.CheckConstraint("points >= 0", name="points"),
)
