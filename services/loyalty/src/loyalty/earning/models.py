"""What members may earn for, what the rules gave for it, and what came back."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from loyalty.metadata import metadata

customer_traits = sa.Table(
    "customer_traits",
    metadata,
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("traits", JSONB, nullable=False),
    sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
    # By track, such as lifecycle: the stage, and since when in seconds since 1970.
    sa.Column("stages", JSONB, nullable=False, server_default=sa.text("'{}'")),
)

occasions = sa.Table(
    "occasions",
    metadata,
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("facts", JSONB, nullable=False),
    sa.Column("traits", JSONB, nullable=False),
    # Which programme saw it, by its own clock and with its own rules.
    sa.Column("programme_id", sa.Text, nullable=False),
    # Every version that was in force, also those that gave nothing.
    sa.Column("rules", ARRAY(sa.Text), nullable=False),
    sa.PrimaryKeyConstraint("trigger", "source_id", "programme_id"),
    # Whether an order is a customer's first; what is kept of a customer.
    sa.Index("ix_occasions_customer_id", "customer_id", "occurred_at"),
)

awards = sa.Table(
    "awards",
    metadata,
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("programme_id", sa.Text, nullable=False),
    # The programme itself where its rate gave it.
    sa.Column("rule_id", sa.Text, nullable=False),
    sa.Column("rule_version", sa.Integer, nullable=False),
    sa.Column("wallet", sa.Text, nullable=False),
    # What the rule gave, before its limits.
    sa.Column("earned", sa.BigInteger, nullable=False),
    # What its limits allowed of that; none when it has no limits.
    sa.Column("allowed", sa.BigInteger),
    # What is left of it after returns, and what the refund policy left to the member beyond that.
    sa.Column("kept", sa.BigInteger, nullable=False),
    sa.Column("forgiven", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # The counters of `rule_usage` that it counts in: the customer's period, and an empty one for the budget.
    sa.Column("periods", ARRAY(sa.Text), nullable=False),
    sa.Column("entry_id", sa.Text),
    sa.PrimaryKeyConstraint("trigger", "source_id", "rule_id"),
    sa.ForeignKeyConstraint(
        ["trigger", "source_id", "programme_id"],
        ["occasions.trigger", "occasions.source_id", "occasions.programme_id"],
        name="fk_awards_trigger_occasions",
    ),
    sa.CheckConstraint("kept >= 0 AND earned > 0", name="kept"),
    # Why an entry has its points.
    sa.Index("ix_awards_entry_id", "entry_id"),
)

occasion_returns = sa.Table(
    "occasion_returns",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
    # None is a cancellation: all that is left.
    sa.Column("amount_minor", sa.BigInteger),
    sa.Column("lines", JSONB, nullable=False),
    sa.Column("is_applied", sa.Boolean, nullable=False, server_default=sa.text("false")),
    sa.Column("place", sa.BigInteger, sa.Identity(always=True), nullable=False),
    # The returns of an order, in the order in which they were told.
    sa.Index("ix_occasion_returns_order_id", "order_id", "place"),
)
