"""Financial products that customers hold, their balances, what was noticed about them, and credit ratings."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from customers.tables import metadata

holdings = sa.Table(
    "holdings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # The ETag: one more for each change.
    sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")),
    # Number of the last alert, which is its event's.
    sa.Column("alerts", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("external_id", sa.Text),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("product_kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("status", sa.Text, nullable=False, server_default=sa.text("'open'")),
    sa.Column("currency", sa.Text, nullable=False),
    # Parts per million a year.
    sa.Column("rate_ppm", sa.Integer),
    sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("matures_at", sa.DateTime(timezone=True)),
    # The earliest payment of the schedule that was not made.
    sa.Column("payment_due_at", sa.DateTime(timezone=True)),
    sa.Column("payment_due_minor", sa.BigInteger),
    sa.Column("maturity_notice_days", sa.Integer),
    sa.Column("falling_percent", sa.Integer),
    sa.Column("falling_days", sa.Integer, nullable=False),
    sa.Column("attributes", JSONB, nullable=False, server_default=sa.text("'{}'")),
    # The latest of its balances.
    sa.Column("balance_minor", sa.BigInteger),
    sa.Column("balance_at", sa.DateTime(timezone=True)),
    # When the next alert comes due with the time.
    sa.Column("alert_due_at", sa.DateTime(timezone=True)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    sa.CheckConstraint("version > 0 AND alerts >= 0", name="version"),
    sa.CheckConstraint("product_kind IN ('deposit', 'loan', 'wealth')", name="product_kind"),
    sa.CheckConstraint("status IN ('open', 'closed')", name="status"),
    sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    sa.CheckConstraint("matures_at >= opened_at", name="matures"),
    sa.CheckConstraint("jsonb_typeof(attributes) = 'object'", name="attributes"),
    sa.CheckConstraint("(balance_minor IS NULL) = (balance_at IS NULL)", name="balance"),
    sa.CheckConstraint("falling_percent BETWEEN 1 AND 100 AND falling_days > 0", name="falling"),
    sa.CheckConstraint("status = 'open' OR alert_due_at IS NULL", name="closed"),
    # The same holding sent again finds itself.
    sa.UniqueConstraint("external_id"),
    # A customer's holdings.
    sa.Index(None, "customer_id", "id"),
    # Lists.
    sa.Index(None, "product_kind", "id"),
    sa.Index(None, "status", "id"),
    # What a pass looks for.
    sa.Index(None, "alert_due_at", postgresql_where=sa.text("alert_due_at IS NOT NULL")),
)

holding_balances = sa.Table(
    "holding_balances",
    metadata,
    sa.Column("holding_id", sa.Text, sa.ForeignKey("holdings.id"), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("balance_minor", sa.BigInteger, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
)

holding_alerts = sa.Table(
    "holding_alerts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("holding_id", sa.Text, sa.ForeignKey("holdings.id"), nullable=False),
    sa.Column("alert", sa.Text, nullable=False),
    # What it is about: the maturity, the payment, the peak that the balance fell from.
    sa.Column("about_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("alert IN ('maturity_nearing', 'balance_falling', 'payment_overdue')", name="alert"),
    # Each is raised once.
    sa.UniqueConstraint("holding_id", "alert", "about_at"),
    # A holding's alerts, the last raised first.
    sa.Index(None, "holding_id", "id"),
)

credit_ratings = sa.Table(
    "credit_ratings",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id"), nullable=False),
    sa.Column("rating", sa.Text, nullable=False),
    sa.Column("score", sa.Integer),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
    # A source rates a customer once at a time; also his ratings, newest first.
    sa.UniqueConstraint("customer_id", "rated_at", "source"),
)
