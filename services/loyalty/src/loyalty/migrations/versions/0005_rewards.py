"""Vouchers, rewards, redemptions, offers, referrals and partners."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_NOW = sa.text("now()")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _create_voucher_batches()
    _create_vouchers()
    _create_voucher_redemptions()


def downgrade() -> None:
    for table in ("voucher_redemptions", "voucher_customers", "vouchers", "voucher_batches"):
        op.drop_table(table)


def _create_voucher_batches() -> None:
    op.create_table(
        "voucher_batches",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("campaign", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("percent_bp", sa.Integer),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("currency", sa.Text),
        sa.Column("sku", sa.Text),
        sa.Column("max_discount_minor", sa.BigInteger),
        sa.Column("min_order_minor", sa.BigInteger),
        sa.Column("limit_per_code", sa.Integer, nullable=False),
        sa.Column("limit_per_customer", sa.Integer),
        sa.Column("limit_total", sa.BigInteger),
        sa.Column("valid_from", sa.DateTime(timezone=True)),
        sa.Column("valid_to", sa.DateTime(timezone=True)),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("prefix", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("generated", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("redeemed", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("kind IN ('percent', 'amount', 'free_article', 'shipping')", name="kind"),
        sa.CheckConstraint("(kind = 'percent') = (percent_bp IS NOT NULL) AND percent_bp BETWEEN 1 AND 10000", name="percent"),
        sa.CheckConstraint("(kind = 'amount') = (amount_minor IS NOT NULL) AND amount_minor > 0", name="amount"),
        sa.CheckConstraint("(kind = 'free_article') = (sku IS NOT NULL)", name="article"),
        sa.CheckConstraint("limit_per_code > 0 AND limit_per_customer > 0 AND limit_total > 0", name="limits"),
        sa.CheckConstraint("redeemed >= 0 AND (limit_total IS NULL OR redeemed <= limit_total)", name="redeemed"),
        sa.CheckConstraint("generated BETWEEN 0 AND count", name="generated"),
    )
    op.create_index("ix_voucher_batches_created_at_id", "voucher_batches", ["created_at", "id"])


def _create_vouchers() -> None:
    batch = "voucher_batches.id"
    op.create_table(
        "vouchers",
        sa.Column("code", sa.Text(collation="C"), primary_key=True),
        sa.Column("batch_id", sa.Text, sa.ForeignKey(batch, name="fk_vouchers_batch_id_voucher_batches"), nullable=False),
        sa.Column("customer_id", sa.Text),
        sa.Column("redeemed", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.CheckConstraint("redeemed >= 0", name="redeemed"),
    )
    op.create_index("ix_vouchers_batch_id_code", "vouchers", ["batch_id", "code"])
    op.create_index(
        "ix_vouchers_customer_id_code", "vouchers", ["customer_id", "code"], postgresql_where=sa.text("customer_id IS NOT NULL")
    )
    op.create_table(
        "voucher_customers",
        sa.Column("batch_id", sa.Text, sa.ForeignKey(batch, name="fk_voucher_customers_batch_id_voucher_batches"), nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("redeemed", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "customer_id", name="pk_voucher_customers"),
        sa.CheckConstraint("redeemed >= 0", name="redeemed"),
    )


def _create_voucher_redemptions() -> None:
    batch = sa.ForeignKey("voucher_batches.id", name="fk_voucher_redemptions_batch_id_voucher_batches")
    code = sa.ForeignKey("vouchers.code", name="fk_voucher_redemptions_code_vouchers")
    op.create_table(
        "voucher_redemptions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("code", sa.Text(collation="C"), code, nullable=False),
        sa.Column("batch_id", sa.Text, batch, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("order_minor", sa.BigInteger),
        sa.Column("discount_minor", sa.BigInteger),
        sa.Column("currency", sa.Text),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("rolled_back_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "uq_voucher_redemptions_live",
        "voucher_redemptions",
        ["code", "reference"],
        unique=True,
        postgresql_where=sa.text("rolled_back_at IS NULL"),
    )
    op.create_index("ix_voucher_redemptions_customer_id_redeemed_at_id", "voucher_redemptions", ["customer_id", "redeemed_at", "id"])
    op.create_index("ix_voucher_redemptions_batch_id_redeemed_at_id", "voucher_redemptions", ["batch_id", "redeemed_at", "id"])
