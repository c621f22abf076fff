"""What members buy, article by article, and the personal offers that come of it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from loyalty.metadata import metadata

_NOW = sa.text("now()")

purchase_lines = sa.Table(
    "purchase_lines",
    metadata,
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("sku", sa.Text, nullable=False),
    # The order's id, or that of a return, whose figures are below zero.
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("category", sa.Text),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    # Also what a customer bought.
    sa.PrimaryKeyConstraint("customer_id", "order_id", "sku", "source_id"),
)

offer_campaigns = sa.Table(
    "offer_campaigns",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("name", JSONB, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("parameters", JSONB, nullable=False),
    sa.Column("benefit", JSONB, nullable=False),
    sa.Column("voucher_batch_id", sa.Text, sa.ForeignKey("voucher_batches.id")),
    sa.Column("validity_days", sa.Integer, nullable=False),
    sa.Column("control_share_bp", sa.Integer, nullable=False),
    sa.Column("max_per_member", sa.Integer, nullable=False),
    sa.Column("needs_activation", sa.Boolean, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.text("true")),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("strategy IN ('affinity', 'replenishment', 'lapsed_favourite')", name="strategy"),
    sa.CheckConstraint("validity_days BETWEEN 1 AND 366", name="validity"),
    sa.CheckConstraint("control_share_bp BETWEEN 0 AND 10000", name="control"),
    sa.CheckConstraint("max_per_member BETWEEN 1 AND 20", name="most"),
    # The list, newest first.
    sa.Index(None, "programme_id", "created_at", "id"),
)

offers = sa.Table(
    "offers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("campaign_id", sa.Text, sa.ForeignKey("offer_campaigns.id"), nullable=False),
    # The root of the family at the time.
    sa.Column("customer_id", sa.Text, nullable=False),
    # Held out: nobody sees it; what its customer buys is what the others are compared with.
    sa.Column("is_control", sa.Boolean, nullable=False),
    sa.Column("target_kind", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("reason", JSONB, nullable=False),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("viewed_at", sa.DateTime(timezone=True)),
    sa.Column("activated_at", sa.DateTime(timezone=True)),
    sa.Column("voucher_code", sa.Text),
    sa.Column("expiry_told", sa.Boolean, nullable=False, server_default=sa.false()),
    # The order that redeems it, what it gave, and the entry that gave it; other orders, returns and cancellations may change them.
    sa.Column("order_id", sa.Text),
    sa.Column("redeemed_at", sa.DateTime(timezone=True)),
    sa.Column("points", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("entry_id", sa.Text),
    sa.CheckConstraint("target_kind IN ('sku', 'category')", name="target_kind"),
    sa.CheckConstraint("points >= 0", name="points"),
    sa.CheckConstraint("valid_until > made_at", name="validity"),
    sa.CheckConstraint("(order_id IS NULL) = (redeemed_at IS NULL)", name="redeemed"),
    sa.CheckConstraint("NOT is_control OR (viewed_at IS NULL AND activated_at IS NULL AND order_id IS NULL)", name="control"),
    # One offer a target and run; and the offers of a campaign.
    sa.UniqueConstraint("campaign_id", "customer_id", "target", "made_at", name="uq_offers_campaign_id_customer_id_target_made_at"),
    # A customer's offers that are still to be had.
    sa.Index(None, "customer_id", "valid_until", "id"),
    # Those whose end is to be told.
    sa.Index("ix_offers_due", "valid_until", postgresql_where=sa.text("NOT is_control AND NOT expiry_told AND order_id IS NULL")),
)
