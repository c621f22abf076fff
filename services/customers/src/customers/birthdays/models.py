"""Which birthdays were told: one a customer and year."""

import sqlalchemy as sa

from customers.tables import metadata

birthdays = sa.Table(
    "birthdays",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("celebrated_on", sa.Date, nullable=False),
    sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
    # The last birthday of a customer that was told.
    sa.UniqueConstraint("customer_id", "celebrated_on"),
)
