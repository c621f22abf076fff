"""Members who spend their points together."""

import sqlalchemy as sa

from loyalty.metadata import metadata

_NOW = sa.text("clock_timestamp()")

households = sa.Table(
    "households",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
)

household_members = sa.Table(
    "household_members",
    metadata,
    sa.Column("household_id", sa.Text, sa.ForeignKey("households.id"), nullable=False),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id"), nullable=False),
    sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("left_at", sa.DateTime(timezone=True)),
    sa.PrimaryKeyConstraint("household_id", "customer_id", "joined_at"),
    # Nobody is in two households at a time.
    sa.Index("ix_household_members_present", "customer_id", unique=True, postgresql_where=sa.text("left_at IS NULL")),
)
