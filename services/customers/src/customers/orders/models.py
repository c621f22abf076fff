"""Orders and what came back of them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # Number of the last event of this order, and its ETag: 1 when placed, one more for each return.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("external_id", sa.Text),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("channel", sa.Text),
    # Sum of the lines, in minor units.
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    # Lines as the interface shows them; always read and written whole.
    sa.Column("lines", JSONB, nullable=False),
    sa.Column("returned_total_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    sa.CheckConstraint("jsonb_typeof(lines) = 'array' AND jsonb_array_length(lines) > 0", name="lines"),
    sa.CheckConstraint("returned_total_minor BETWEEN 0 AND amount_minor", name="returned"),
    # The same order sent again finds itself.
    sa.UniqueConstraint("external_id"),
    # A customer's orders, newest first.
    sa.Index(None, "customer_id", "placed_at", "id"),
)

order_returns = sa.Table(
    "order_returns",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.id"), nullable=False),
    # Number of the return's event within the order.
    sa.Column("order_version", sa.BigInteger, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    # What the client sent, null for everything left; the same return sent again is compared with it.
    sa.Column("requested", JSONB),
    # Likewise.
    sa.Column("lines", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.CheckConstraint("amount_minor >= 0", name="amount"),
    sa.CheckConstraint("jsonb_typeof(lines) = 'array' AND jsonb_array_length(lines) > 0", name="lines"),
    # The returns of an order, in their order; also keeps their numbers apart.
    sa.UniqueConstraint("order_id", "order_version"),
    sa.UniqueConstraint("order_id", "external_id"),
)
