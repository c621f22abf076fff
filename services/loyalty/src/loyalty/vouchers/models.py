"""Batches of vouchers, their codes, and each time a code was used."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from loyalty.metadata import metadata

_NOW = sa.text("now()")
_NONE = sa.text("'{}'")

voucher_batches = sa.Table(
    "voucher_batches",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # Whose members may use its codes.
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    # Hundredths of a per cent of the order.
    sa.Column("percent_bp", sa.Integer),
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("currency", sa.Text),
    sa.Column("sku", sa.Text),
    # Only these articles and categories of the order, all when empty.
    sa.Column("skus", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("categories", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("excluded_skus", ARRAY(sa.Text), nullable=False, server_default=_NONE),
    sa.Column("max_discount_minor", sa.BigInteger),
    sa.Column("min_order_minor", sa.BigInteger),
    sa.Column("limit_per_code", sa.Integer, nullable=False),
    sa.Column("limit_per_customer", sa.Integer),
    sa.Column("limit_total", sa.BigInteger),
    sa.Column("valid_from", sa.DateTime(timezone=True)),
    sa.Column("valid_to", sa.DateTime(timezone=True)),
    # Of the week, 1 is Monday; and hours of the day as HH:MM; by the programme's zone.
    sa.Column("weekdays", ARRAY(sa.Integer), nullable=False, server_default=_NONE),
    sa.Column("daily_from", sa.Text),
    sa.Column("daily_until", sa.Text),
    # Whether an order may use other codes beside it.
    sa.Column("combinable", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("prefix", sa.Text, nullable=False, server_default=sa.text("''")),
    # How many codes were asked for, and how many there are.
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("generated", sa.Integer, nullable=False, server_default=sa.text("0")),
    # Counted only where `limit_total` is set: others do not meet in this row.
    sa.Column("redeemed", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("kind IN ('percent', 'amount', 'free_article', 'shipping')", name="kind"),
    sa.CheckConstraint("(kind = 'percent') = (percent_bp IS NOT NULL) AND percent_bp BETWEEN 1 AND 10000", name="percent"),
    sa.CheckConstraint("(kind = 'amount') = (amount_minor IS NOT NULL) AND amount_minor > 0", name="amount"),
    sa.CheckConstraint("(kind = 'free_article') = (sku IS NOT NULL)", name="article"),
    sa.CheckConstraint("limit_per_code > 0 AND limit_per_customer > 0 AND limit_total > 0", name="limits"),
    sa.CheckConstraint("redeemed >= 0 AND (limit_total IS NULL OR redeemed <= limit_total)", name="redeemed"),
    sa.CheckConstraint("weekdays <@ '{1,2,3,4,5,6,7}'", name="weekdays"),
    sa.CheckConstraint("(daily_from IS NULL) = (daily_until IS NULL) AND daily_from <> daily_until", name="daily"),
    sa.CheckConstraint("generated BETWEEN 0 AND count", name="generated"),
    # The list, newest first.
    sa.Index(None, "programme_id", "created_at", "id"),
)

vouchers = sa.Table(
    "vouchers",
    metadata,
    sa.Column("code", sa.Text(collation="C"), primary_key=True),
    sa.Column("batch_id", sa.Text, sa.ForeignKey("voucher_batches.id"), nullable=False),
    # Only this customer may use it; anybody when null.
    sa.Column("customer_id", sa.Text),
    sa.Column("redeemed", sa.Integer, nullable=False, server_default=sa.text("0")),
    # Worth nothing from then on, such as the code of a reward that was cancelled.
    sa.Column("voided_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("redeemed >= 0", name="redeemed"),
    # The codes of a batch.
    sa.Index(None, "batch_id", "code"),
    # A customer's own vouchers.
    sa.Index(None, "customer_id", "code", postgresql_where=sa.text("customer_id IS NOT NULL")),
    # Codes that nobody has yet, for rewards and offers that give one away.
    sa.Index(
        "ix_vouchers_free", "batch_id", "code", postgresql_where=sa.text("customer_id IS NULL AND redeemed = 0 AND voided_at IS NULL")
    ),
)

# How often a customer has used codes of a batch; kept where the batch limits it.
voucher_customers = sa.Table(
    "voucher_customers",
    metadata,
    sa.Column("batch_id", sa.Text, sa.ForeignKey("voucher_batches.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("redeemed", sa.Integer, nullable=False),
    sa.PrimaryKeyConstraint("batch_id", "customer_id"),
    sa.CheckConstraint("redeemed >= 0", name="redeemed"),
)

voucher_redemptions = sa.Table(
    "voucher_redemptions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("code", sa.Text(collation="C"), sa.ForeignKey("vouchers.code"), nullable=False),
    sa.Column("batch_id", sa.Text, sa.ForeignKey("voucher_batches.id"), nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("order_minor", sa.BigInteger),
    sa.Column("discount_minor", sa.BigInteger),
    sa.Column("currency", sa.Text),
    sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.Column("rolled_back_at", sa.DateTime(timezone=True)),
    # One use of a code for one purchase, however often the till tells of it; and the uses of a code.
    sa.Index("uq_voucher_redemptions_live", "code", "reference", unique=True, postgresql_where=sa.text("rolled_back_at IS NULL")),
    # A customer's uses, newest first.
    sa.Index(None, "customer_id", "redeemed_at", "id"),
    # All uses of a batch, newest first.
    sa.Index(None, "batch_id", "redeemed_at", "id"),
)
