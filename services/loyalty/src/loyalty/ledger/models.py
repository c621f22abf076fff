"""The ledger: accounts, entries whose postings sum to zero, and lots that say what is left of each accrual.

`entries`, `postings`, `lot_draws` and `order_returns` are append-only: the service's role has no right to change or
delete their rows, and a trigger refuses it even to who takes the right back. No foreign key points at an append-only
table, because Postgres would want the right to update it; a trigger checks the references once a statement instead.
"""

import sqlalchemy as sa

from loyalty.metadata import metadata

_NOW = sa.text("now()")

# Nothing is stored that many postings share: the programme's account has rows in `postings` and no balance anywhere.
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    # issuance: where points come from and go back to, below zero by as many as are out; member: a member's wallet.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id")),
    sa.CheckConstraint("kind IN ('issuance', 'member')", name="kind"),
    sa.CheckConstraint("(kind = 'member') = (customer_id IS NOT NULL)", name="owner"),
    # A member's wallet by his customer id.
    sa.UniqueConstraint("customer_id", "programme_id"),
    # The programme's one issuance account.
    sa.Index("ix_accounts_issuance", "programme_id", unique=True, postgresql_where=sa.text("kind = 'issuance'")),
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    # What caused it: the order of an accrual, the return of a reversal.
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text),
    # The change of the member's balance: above zero for an accrual, below for a reversal.
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("rate_version", sa.Integer),
    # When the reason arose, such as the day of the order; recorded_at is when the ledger heard of it.
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.CheckConstraint("kind IN ('accrual', 'reversal')", name="kind"),
    sa.CheckConstraint("points <> 0 AND (points > 0) = (kind = 'accrual')", name="points"),
    # One accrual an order and one reversal a return, whatever is told twice.
    sa.UniqueConstraint("source_id", "kind"),
    # A member's entries, newest first, and his lifetime points.
    sa.Index("ix_entries_of_member", "customer_id", "occurred_at", "id", postgresql_include=["kind", "points"]),
)

postings = sa.Table(
    "postings",
    metadata,
    sa.Column("entry_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("entry_id", "account_id"),
    sa.CheckConstraint("points <> 0", name="points"),
)

lots = sa.Table(
    "lots",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("entry_id", sa.Text, nullable=False),
    sa.Column("granted", sa.BigInteger, nullable=False),
    # The only column that the service may update.
    sa.Column("remaining", sa.BigInteger, nullable=False),
    sa.Column("earned_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("granted > 0", name="granted"),
    sa.CheckConstraint("remaining BETWEEN 0 AND granted", name="remaining"),
    # The open lots of a wallet, oldest first: its balance, and what is drawn next.
    sa.Index("ix_lots_open", "account_id", "earned_at", postgresql_include=["remaining"], postgresql_where=sa.text("remaining > 0")),
)

# Which entry took how much from which lot.
lot_draws = sa.Table(
    "lot_draws",
    metadata,
    sa.Column("entry_id", sa.Text, nullable=False),
    sa.Column("lot_id", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("entry_id", "lot_id"),
    sa.CheckConstraint("points > 0", name="points"),
)

# What the ledger remembers of an order, also of one that earned nothing.
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id"), nullable=False),
    sa.Column("programme_id", sa.Text, nullable=False),
    sa.Column("rate_version", sa.Integer, nullable=False),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    # The sum of its returns; the only column that the service may update.
    sa.Column("returned_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # What it earned; empty when it earned nothing.
    sa.Column("lot_id", sa.Text),
)

order_returns = sa.Table(
    "order_returns",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("amount_minor >= 0", name="amount_minor"),
    # The returns of an order.
    sa.Index("ix_order_returns_order_id", "order_id"),
)
