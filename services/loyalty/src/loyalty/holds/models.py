"""Points that are set aside for a while: which, of which lots, and until when."""

import sqlalchemy as sa

from loyalty.metadata import metadata

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("programme_id", sa.Text, nullable=False),
    sa.Column("wallet", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id"), nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("captured", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("reference", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    # An open one whose time is over is as good as timed out; the state follows when somebody notes it.
    sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'open'")),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint("points > 0", name="points"),
    sa.CheckConstraint("captured BETWEEN 0 AND points", name="captured"),
    sa.CheckConstraint("state IN ('open', 'captured', 'voided', 'timed_out')", name="state"),
    sa.CheckConstraint("expires_at > created_at", name="expires_at"),
    sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_at"),
    sa.ForeignKeyConstraint(["programme_id", "wallet"], ["wallets.programme_id", "wallets.code"], name="fk_holds_programme_id_wallets"),
    # A member's holds, and those that are due to be noted as timed out.
    sa.Index("ix_holds_customer_id", "customer_id", "created_at"),
    sa.Index("ix_holds_due", "expires_at", postgresql_where=sa.text("state = 'open'")),
)

hold_lots = sa.Table(
    "hold_lots",
    metadata,
    sa.Column("hold_id", sa.Text, sa.ForeignKey("holds.id"), nullable=False),
    sa.Column("lot_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    # The hold's time-out: after it the row holds nothing, open or not.
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    # The only column that the service may update.
    sa.Column("is_open", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.PrimaryKeyConstraint("hold_id", "lot_id"),
    sa.CheckConstraint("points > 0", name="points"),
    # What is held of a wallet, and of a lot.
    sa.Index("ix_hold_lots_of_account", "account_id", "until", postgresql_where=sa.text("is_open")),
    sa.Index("ix_hold_lots_of_lot", "lot_id", "until", postgresql_include=["points", "is_open"]),
)
