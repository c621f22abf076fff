"""Interactions, the timeline, the life of orders, and holdings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

_NOW = sa.text("now()")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    _create_touches()
    _complete_orders()
    _create_order_lines()
    _create_interactions()
    _create_holdings()
    _create_beside_holdings()


def _create_touches() -> None:
    op.create_table(
        "touches",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("journey_stage", sa.Text),
        sa.Column("sentiment", sa.Text),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("summary", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("written_in", sa.BigInteger, nullable=False, server_default=sa.text("pg_current_xact_id()::text::bigint")),
        sa.CheckConstraint("kind ~ '^[a-z][a-z0-9_]{0,39}$'", name="kind"),
        sa.CheckConstraint(
            "journey_stage IN ('attention', 'consideration', 'decision', 'purchase', 'service', 'advocacy')", name="journey_stage"
        ),
        sa.CheckConstraint("sentiment IN ('negative', 'neutral', 'positive')", name="sentiment"),
        sa.CheckConstraint("jsonb_typeof(summary) = 'object'", name="summary"),
        sa.UniqueConstraint("kind", "source_id", name="uq_touches_kind_source_id"),
    )
    op.create_index("ix_touches_customer_id_occurred_at_id", "touches", ["customer_id", "occurred_at", "id"])
    op.create_index("ix_touches_written_in", "touches", ["written_in"])
    op.create_index(
        "ix_touches_felt",
        "touches",
        ["occurred_at"],
        postgresql_include=["journey_stage", "channel", "sentiment", "kind", "id"],
        postgresql_where=sa.text("sentiment IS NOT NULL AND journey_stage IS NOT NULL"),
    )


_ORDER_CHECKS = {
    "status": "status IN ('placed', 'paid', 'shipped', 'delivered', 'completed', 'cancelled')",
    "history": "jsonb_typeof(history) = 'array'",
    "amounts": "least(amount_minor, discount_minor, shipping_minor, tax_minor) >= 0",
    "total": "total_minor = amount_minor + shipping_minor + CASE WHEN tax_included THEN 0 ELSE tax_minor END",
    "refunded": "refunded_total_minor BETWEEN 0 AND total_minor",
    "replaced": "replaced_by IS NULL OR status = 'cancelled'",
}
_ORDER_COLUMNS = (
    *("shop", "status", "history", "discount_minor", "shipping_minor", "tax_minor", "tax_included", "total_minor"),
    *("refunded_total_minor", "corrects", "replaced_by"),
)


def _complete_orders() -> None:
    op.add_column("orders", sa.Column("shop", sa.Text))
    op.add_column("orders", sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'placed'")))
    op.add_column("orders", sa.Column("history", JSONB, nullable=False, server_default=sa.text("'[]'")))
    for name in ("discount_minor", "shipping_minor", "tax_minor", "refunded_total_minor"):
        op.add_column("orders", sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("orders", sa.Column("tax_included", sa.Boolean, nullable=False, server_default=sa.text("true")))
    op.add_column("orders", sa.Column("total_minor", sa.BigInteger))
    op.add_column("order_returns", sa.Column("refund_minor", sa.BigInteger))
    op.execute("UPDATE orders SET total_minor = amount_minor, refunded_total_minor = returned_total_minor")
    op.execute("UPDATE order_returns SET refund_minor = amount_minor")
    op.alter_column("orders", "total_minor", nullable=False)
    op.alter_column("order_returns", "refund_minor", nullable=False)
    for name in ("corrects", "replaced_by"):
        op.add_column("orders", sa.Column(name, sa.Text))
        op.create_foreign_key(f"fk_orders_{name}_orders", "orders", "orders", [name], ["id"])
    for name, condition in _ORDER_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_orders_{name}"), "orders", condition)
    op.create_check_constraint(op.f("ck_order_returns_refund"), "order_returns", "refund_minor >= 0")
    op.create_unique_constraint("uq_orders_corrects", "orders", ["corrects"])
    op.create_index("ix_orders_replaced_by", "orders", ["replaced_by"], postgresql_where=sa.text("replaced_by IS NOT NULL"))
    op.create_index("ix_orders_placed_at_id", "orders", ["placed_at", "id"])
    op.create_index("ix_orders_status_placed_at_id", "orders", ["status", "placed_at", "id"])
    for column in ("channel", "shop"):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_orders_{column}_placed_at_id", "orders", [column, "placed_at", "id"], postgresql_where=where)


_LINES_OF_PRESENT_ORDERS = """
INSERT INTO order_lines (order_id, number, sku, category, placed_at)
SELECT o.id, line.number, line.value ->> 'sku', line.value ->> 'category', o.placed_at
FROM orders AS o, jsonb_array_elements(o.lines) WITH ORDINALITY AS line (value, number)
"""


def _create_order_lines() -> None:
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute(_LINES_OF_PRESENT_ORDERS)
    op.create_index("ix_order_lines_sku_placed_at_order_id", "order_lines", ["sku", "placed_at", "order_id"])
    op.create_index(
        "ix_order_lines_category_placed_at_order_id",
        "order_lines",
        ["category", "placed_at", "order_id"],
        postgresql_where=sa.text("category IS NOT NULL"),
    )


def _create_interactions() -> None:
    op.create_table(
        "interactions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("external_id", sa.Text),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id", name="fk_interactions_customer_id_customers"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("direction", sa.Text),
        sa.Column("journey_stage", sa.Text),
        sa.Column("sentiment", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("text", sa.Text),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attributes", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint("direction IN ('inbound', 'outbound')", name="direction"),
        sa.CheckConstraint("jsonb_typeof(attributes) = 'object'", name="attributes"),
        sa.UniqueConstraint("external_id", name="uq_interactions_external_id"),
    )
    op.create_index("ix_interactions_customer_id_occurred_at", "interactions", ["customer_id", "occurred_at"])


def _create_holdings() -> None:
    op.create_table(
        "holdings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("alerts", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("external_id", sa.Text),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id", name="fk_holdings_customer_id_customers"), nullable=False),
        sa.Column("product_kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'open'")),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("rate_ppm", sa.Integer),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("matures_at", sa.DateTime(timezone=True)),
        sa.Column("payment_due_at", sa.DateTime(timezone=True)),
        sa.Column("payment_due_minor", sa.BigInteger),
        sa.Column("maturity_notice_days", sa.Integer),
        sa.Column("falling_percent", sa.Integer),
        sa.Column("falling_days", sa.Integer, nullable=False),
        sa.Column("attributes", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("balance_minor", sa.BigInteger),
        sa.Column("balance_at", sa.DateTime(timezone=True)),
        sa.Column("alert_due_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("version > 0 AND alerts >= 0", name="version"),
        sa.CheckConstraint("product_kind IN ('deposit', 'loan', 'wealth')", name="product_kind"),
        sa.CheckConstraint("status IN ('open', 'closed')", name="status"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        sa.CheckConstraint("matures_at >= opened_at", name="matures"),
        sa.CheckConstraint("jsonb_typeof(attributes) = 'object'", name="attributes"),
        sa.CheckConstraint("(balance_minor IS NULL) = (balance_at IS NULL)", name="balance"),
        sa.CheckConstraint("falling_percent BETWEEN 1 AND 100 AND falling_days > 0", name="falling"),
        sa.CheckConstraint("status = 'open' OR alert_due_at IS NULL", name="closed"),
        sa.UniqueConstraint("external_id", name="uq_holdings_external_id"),
    )
    for column in ("customer_id", "product_kind", "status"):
        op.create_index(f"ix_holdings_{column}_id", "holdings", [column, "id"])
    op.create_index("ix_holdings_alert_due_at", "holdings", ["alert_due_at"], postgresql_where=sa.text("alert_due_at IS NOT NULL"))


def _create_beside_holdings() -> None:
    op.create_table(
        "holding_balances",
        sa.Column("holding_id", sa.Text, sa.ForeignKey("holdings.id", name="fk_holding_balances_holding_id_holdings"), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("balance_minor", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    )
    op.create_table(
        "holding_alerts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("holding_id", sa.Text, sa.ForeignKey("holdings.id", name="fk_holding_alerts_holding_id_holdings"), nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("about_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("alert IN ('maturity_nearing', 'balance_falling', 'payment_overdue')", name="alert"),
        sa.UniqueConstraint("holding_id", "alert", "about_at", name="uq_holding_alerts_holding_id_alert_about_at"),
    )
    op.create_table(
        "credit_ratings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id", name="fk_credit_ratings_customer_id_customers"), nullable=False),
        sa.Column("rating", sa.Text, nullable=False),
        sa.Column("score", sa.Integer),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.UniqueConstraint("customer_id", "rated_at", "source", name="uq_credit_ratings_customer_id_rated_at_source"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in ("credit_ratings", "holding_alerts", "holding_balances", "holdings"):
        op.drop_table(table)
    op.drop_table("interactions")
    op.drop_table("order_lines")
    op.drop_column("order_returns", "refund_minor")
    for index in ("placed_at", "status_placed_at", "channel_placed_at", "shop_placed_at"):
        op.drop_index(f"ix_orders_{index}_id", "orders")
    for name in _ORDER_CHECKS:
        op.drop_constraint(op.f(f"ck_orders_{name}"), "orders")
    for column in reversed(_ORDER_COLUMNS):
        op.drop_column("orders", column)
    op.drop_table("touches")
