"""Points with which members paid for purchases."""

import sqlalchemy as sa

from loyalty.metadata import metadata

point_payments = sa.Table(
    "point_payments",
    metadata,
    # Also the source of the entry that drew them.
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("rolled_back_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("points > 0 AND amount_minor > 0", name="amounts"),
    # One payment a purchase; and what a member paid.
    sa.Index("uq_point_payments_live", "customer_id", "reference", unique=True, postgresql_where=sa.text("rolled_back_at IS NULL")),
    sa.Index(None, "customer_id", "paid_at", "id"),
)
