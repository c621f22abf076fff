"""The numbers by which tills know members."""

import sqlalchemy as sa

from loyalty.metadata import metadata

member_cards = sa.Table(
    "member_cards",
    metadata,
    sa.Column("number", sa.Text(collation="C"), primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id"), nullable=False),
    sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    # When another one took its place.
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("number ~ '^[0-9]{16}$'", name="number"),
    # One card a member at a time; all that he ever had.
    sa.Index("ix_member_cards_current", "customer_id", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index("ix_member_cards_customer_id", "customer_id", "issued_at"),
)
