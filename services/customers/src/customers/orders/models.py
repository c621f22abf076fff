"""Orders and what came back of them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # Number of the last event of this order, and its ETag: 1 when placed, one more for each return and each step.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("external_id", sa.Text),
    # Null once he was erased: the order stays in the books.
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id")),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("shop", sa.Text),
    sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'placed'")),
    # The steps since it was placed: [{"status", "at"}]; always read and written whole.
    sa.Column("history", JSONB, nullable=False, server_default=sa.text("'[]'")),
    # Sum of the lines, in minor units: the goods after all discounts.
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    # What was taken off the goods, over all lines.
    sa.Column("discount_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("shipping_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("tax_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # Whether amounts hold the tax; else it comes on top.
    sa.Column("tax_included", sa.Boolean, nullable=False, server_default=sa.text("true")),
    # What the customer pays.
    sa.Column("total_minor", sa.BigInteger, nullable=False),
    # Lines as the interface shows them; always read and written whole.
    sa.Column("lines", JSONB, nullable=False),
    sa.Column("returned_total_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # Money given back for all returns.
    sa.Column("refunded_total_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # A correction and the cancelled order in whose stead it stands know each other.
    sa.Column("corrects", sa.Text, sa.ForeignKey("orders.id")),
    sa.Column("replaced_by", sa.Text, sa.ForeignKey("orders.id")),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.CheckConstraint("version > 0", name="version"),
    sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    sa.CheckConstraint("jsonb_typeof(lines) = 'array' AND jsonb_array_length(lines) > 0", name="lines"),
    sa.CheckConstraint("returned_total_minor BETWEEN 0 AND amount_minor", name="returned"),
    sa.CheckConstraint("status IN ('placed', 'paid', 'shipped', 'delivered', 'completed', 'cancelled')", name="status"),
    sa.CheckConstraint("jsonb_typeof(history) = 'array'", name="history"),
    sa.CheckConstraint("least(amount_minor, discount_minor, shipping_minor, tax_minor) >= 0", name="amounts"),
    sa.CheckConstraint("total_minor = amount_minor + shipping_minor + CASE WHEN tax_included THEN 0 ELSE tax_minor END", name="total"),
    sa.CheckConstraint("refunded_total_minor BETWEEN 0 AND total_minor", name="refunded"),
    sa.CheckConstraint("replaced_by IS NULL OR status = 'cancelled'", name="replaced"),
    # The same order sent again finds itself.
    sa.UniqueConstraint("external_id"),
    # An order is corrected once; its correction may be corrected.
    sa.UniqueConstraint("corrects"),
    # An order that goes looks for what names it.
    sa.Index(None, "replaced_by", postgresql_where=sa.text("replaced_by IS NOT NULL")),
    # A customer's orders, newest first.
    sa.Index(None, "customer_id", "placed_at", "id"),
    # Lists of all orders, newest first, and their filters.
    sa.Index(None, "placed_at", "id"),
    sa.Index(None, "status", "placed_at", "id"),
    sa.Index(None, "channel", "placed_at", "id", postgresql_where=sa.text("channel IS NOT NULL")),
    sa.Index(None, "shop", "placed_at", "id", postgresql_where=sa.text("shop IS NOT NULL")),
)

# What orders hold, for finding them by article and category. Written in the statement of their order and never changed; a foreign
# key would look for the order again with each line.
order_lines = sa.Table(
    "order_lines",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("sku", sa.Text, nullable=False),
    sa.Column("category", sa.Text),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index(None, "sku", "placed_at", "order_id"),
    sa.Index(None, "category", "placed_at", "order_id", postgresql_where=sa.text("category IS NOT NULL")),
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
    # Money given back for it: less where a fee is kept, more where shipping is paid back, too.
    sa.Column("refund_minor", sa.BigInteger, nullable=False),
    # return, or refund where money went back and no goods; and why, where it is known.
    sa.Column("kind", sa.Text, nullable=False, server_default=sa.text("'return'")),
    sa.Column("reason", sa.Text),
    # What the client sent, null for everything left; the same return sent again is compared with it.
    sa.Column("requested", JSONB),
    # Likewise.
    sa.Column("lines", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.CheckConstraint("amount_minor >= 0", name="amount"),
    sa.CheckConstraint("refund_minor >= 0", name="refund"),
    sa.CheckConstraint("kind IN ('return', 'refund')", name="kind"),
    # A refund of shipping lowers what no article cost.
    sa.CheckConstraint("jsonb_typeof(lines) = 'array' AND (jsonb_array_length(lines) > 0 OR kind = 'refund')", name="lines"),
    # The returns of an order, in their order; also keeps their numbers apart.
    sa.UniqueConstraint("order_id", "order_version"),
    sa.UniqueConstraint("order_id", "external_id"),
)
