"""Badges and who has them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from loyalty.metadata import metadata

badges = sa.Table(
    "badges",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("name", JSONB, nullable=False),
    sa.Column("description", JSONB),
    sa.Column("image_url", sa.Text),
    # Whoever reaches this tier gets it.
    sa.Column("tier", sa.Text),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.PrimaryKeyConstraint("programme_id", "code"),
    sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]{0,39}$'", name="code"),
)

badge_awards = sa.Table(
    "badge_awards",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, nullable=False),
    sa.Column("badge", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    # The completion, or the tier.
    sa.Column("source_id", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("awarded_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("revoked_at", sa.DateTime(timezone=True)),
    sa.ForeignKeyConstraint(["programme_id", "badge"], ["badges.programme_id", "badges.code"], name="fk_badge_awards_programme_id_badges"),
    sa.CheckConstraint("source IN ('challenge', 'tier', 'hand')", name="source"),
    # Nobody has one twice; a member's badges.
    sa.Index(
        "uq_badge_awards_live",
        *("customer_id", "programme_id", "badge"),
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    ),
    # What a completion gave.
    sa.Index("ix_badge_awards_source_id", "source_id"),
)
