"""Exact roll-ups of orders and returns, kept in the transaction that hears of them."""

import sqlalchemy as sa

from analytics.metadata import METADATA

customer_activity = sa.Table(
    "customer_activity",
    METADATA,
    # The root of a family: merged customers are one person.
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
    # The earliest order at least 24 hours after the first one.
    sa.Column("came_back_at", sa.DateTime(timezone=True)),
    sa.Column("orders", sa.Integer, nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    # Calendar months with an order, counted from the month of the first one; sorted, begins with 0.
    sa.Column("months", sa.ARRAY(sa.Integer), nullable=False),
    # 30-day periods with an order, counted from the moment of the first one; sorted, begins with 0.
    sa.Column("periods", sa.ARRAY(sa.Integer), nullable=False),
    sa.CheckConstraint("orders >= days AND days >= 1", name="counts"),
    sa.CheckConstraint("last_at >= first_at", name="moments"),
)

activity_cells = sa.Table(
    "activity_cells",
    METADATA,
    # First day of the month of the first order, UTC.
    sa.Column("cohort", sa.Date, nullable=False),
    sa.Column("measure", sa.Text, nullable=False),
    sa.Column("k", sa.Integer, nullable=False),
    sa.Column("customers", sa.BigInteger, nullable=False),
    # A report reads all cells of a range of cohorts.
    sa.PrimaryKeyConstraint("cohort", "measure", "k"),
    sa.CheckConstraint("customers >= 0", name="customers"),
)

customer_money = sa.Table(
    "customer_money",
    METADATA,
    # The root of a family.
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("orders", sa.Integer, nullable=False),
    # Absent while only returns have been heard.
    sa.Column("last_at", sa.DateTime(timezone=True)),
    sa.Column("gross_minor", sa.BigInteger, nullable=False),
    sa.Column("returned_minor", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("customer_id", "currency"),
)

order_months = sa.Table(
    "order_months",
    METADATA,
    # First day of the month in which the order was placed, UTC.
    sa.Column("month", sa.Date, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("orders", sa.BigInteger, nullable=False),
    sa.Column("gross_minor", sa.BigInteger, nullable=False),
    sa.Column("returned_minor", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("month", "currency"),
)
