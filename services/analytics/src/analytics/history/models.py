"""What happened, as the other services told it: facts, each kept once, from which everything else can be computed again."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from analytics.metadata import METADATA

customers = sa.Table(
    "customers",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("country", sa.Text),
    sa.Column("language", sa.Text),
    # Absent while only a later change of the customer has been heard.
    sa.Column("registered_at", sa.DateTime(timezone=True)),
    # The highest sequence heard: an older event that comes late changes nothing.
    sa.Column("version", sa.BigInteger, nullable=False),
)

orders = sa.Table(
    "orders",
    METADATA,
    sa.Column("order_id", sa.Text, primary_key=True),
    # Absent once he was erased: what was sold on a day stays sold.
    sa.Column("customer_id", sa.Text),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("lines", JSONB, nullable=False),
    sa.Column("shop", sa.Text),
    # The cancelled order in whose stead this one stands.
    sa.Column("corrects", sa.Text),
    # It counts no more; set from `cancellations`, whichever of the two came first.
    sa.Column("is_cancelled", sa.Boolean, nullable=False, server_default=sa.false()),
    # The purchases of one customer: was there one on this day, and all of them when his first one moves.
    sa.Index(None, "customer_id", "placed_at"),
)

returns = sa.Table(
    "returns",
    METADATA,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False),
    # Absent once he was erased: what was sold on a day stays sold.
    sa.Column("customer_id", sa.Text),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("lines", JSONB, nullable=False),
    # Its order counts no more.
    sa.Column("is_cancelled", sa.Boolean, nullable=False, server_default=sa.false()),
    # Those of an order that is cancelled; those of a customer.
    sa.Index(None, "order_id"),
    sa.Index(None, "customer_id"),
)

cancellations = sa.Table(
    "cancellations",
    METADATA,
    sa.Column("order_id", sa.Text, primary_key=True),
    # Absent once he was erased: what was sold on a day stays sold.
    sa.Column("customer_id", sa.Text),
    sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("replaced_by", sa.Text),
    # Those of a customer.
    sa.Index(None, "customer_id"),
)

responses = sa.Table(
    "responses",
    METADATA,
    sa.Column("response_id", sa.Text, primary_key=True),
    # Absent when unknown or erased: the answer stays.
    sa.Column("customer_id", sa.Text),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("score", sa.SmallInteger, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("has_comment", sa.Boolean, nullable=False),
    sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("question = 'nps' AND score BETWEEN 0 AND 10", name="score"),
    # Those of a customer.
    sa.Index(None, "customer_id", postgresql_where=sa.text("customer_id IS NOT NULL")),
)

members = sa.Table(
    "members",
    METADATA,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
)

points_movements = sa.Table(
    "points_movements",
    METADATA,
    sa.Column("entry_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    # Positive when issued, negative when taken back.
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("points <> 0", name="points"),
    # Those of a customer.
    sa.Index(None, "customer_id"),
)

projection = sa.Table(
    "projection",
    METADATA,
    # One row only.
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False, server_default=sa.text("1")),
    # Rises with every batch of events, so that an answer computed before can be told from a fresh one.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # The latest moment that each part of the history vouches for.
    sa.Column("latest_order_at", sa.DateTime(timezone=True)),
    sa.Column("latest_response_at", sa.DateTime(timezone=True)),
    sa.Column("latest_movement_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("id = 1", name="single"),
)
