"""The chassis, customers, orders and returns."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.database.chassis import create_chassis, drop_chassis

revision = "0001"
down_revision = None

_NOW = sa.text("now()")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    create_chassis()
    _create_customers()
    _create_orders()
    _create_order_returns()


def _create_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("language", sa.Text),
        sa.Column("country", sa.Text),
        sa.Column("city", sa.Text),
        sa.Column("birth_date", sa.Date),
        sa.Column("sex", sa.Text),
        sa.Column("attributes", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("search_name", sa.Text(collation="C"), nullable=False, server_default=sa.text("''")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint("kind IN ('individual', 'organisation')", name="kind"),
        sa.CheckConstraint("sex IN ('female', 'male', 'other', 'unknown')", name="sex"),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        sa.CheckConstraint("jsonb_typeof(attributes) = 'object'", name="attributes"),
        sa.UniqueConstraint("external_id", name="uq_customers_external_id"),
    )
    op.create_index("ix_customers_created_at_id", "customers", ["created_at", "id"])
    op.create_index("ix_customers_search_name_id", "customers", ["search_name", "id"])
    op.create_index("ix_customers_email", "customers", [sa.text("lower(email)")], postgresql_where=sa.text("email IS NOT NULL"))
    op.create_index("ix_customers_phone", "customers", ["phone"], postgresql_where=sa.text("phone IS NOT NULL"))
    for column in ("country", "language", "city"):
        op.create_index(
            f"ix_customers_{column}_created_at_id",
            "customers",
            [column, "created_at", "id"],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.create_index(
        "ix_customers_search_name_trigrams",
        "customers",
        ["search_name"],
        postgresql_using="gin",
        postgresql_ops={"search_name": "gin_trgm_ops"},
    )


def _create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
        sa.Column("external_id", sa.Text),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id", name="fk_orders_customer_id_customers"), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("returned_total_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        sa.CheckConstraint("jsonb_typeof(lines) = 'array' AND jsonb_array_length(lines) > 0", name="lines"),
        sa.CheckConstraint("returned_total_minor BETWEEN 0 AND amount_minor", name="returned"),
        sa.UniqueConstraint("external_id", name="uq_orders_external_id"),
    )
    op.create_index("ix_orders_customer_id_placed_at_id", "orders", ["customer_id", "placed_at", "id"])


def _create_order_returns() -> None:
    op.create_table(
        "order_returns",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("order_id", sa.Text, sa.ForeignKey("orders.id", name="fk_order_returns_order_id_orders"), nullable=False),
        sa.Column("order_version", sa.BigInteger, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("requested", JSONB),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.CheckConstraint("amount_minor >= 0", name="amount"),
        sa.CheckConstraint("jsonb_typeof(lines) = 'array' AND jsonb_array_length(lines) > 0", name="lines"),
        sa.UniqueConstraint("order_id", "order_version", name="uq_order_returns_order_id_order_version"),
        sa.UniqueConstraint("order_id", "external_id", name="uq_order_returns_order_id_external_id"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in ("order_returns", "orders", "customers"):
        op.drop_table(table)
    drop_chassis()
