"""The ledger: wallets, accounts, entries whose postings sum to zero, and lots that say what is left of each accrual.

`entries`, `postings`, `lot_draws` and `order_returns` are append-only: the service's role has no right to change or
delete their rows, and a trigger refuses it even to who takes the right back. No foreign key points at an append-only
table, because Postgres would want the right to update it; a trigger checks the references once a statement instead.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from loyalty.metadata import metadata

_NOW = sa.text("now()")

wallets = sa.Table(
    "wallets",
    metadata,
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    # Points to spend, points that only count for tiers, or money in minor units.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("currency", sa.Text),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
    sa.PrimaryKeyConstraint("programme_id", "code"),
    sa.CheckConstraint("code ~ '^[a-z][a-z0-9_]{0,39}$'", name="code"),
    sa.CheckConstraint("kind IN ('points', 'tier_points', 'stored_value')", name="kind"),
    sa.CheckConstraint("(kind = 'stored_value') = (currency IS NOT NULL)", name="currency"),
)

# Nothing is stored that many postings share: the programme's accounts have rows in `postings` and no balance anywhere.
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("programme_id", sa.Text, sa.ForeignKey("programmes.id"), nullable=False),
    # issuance: where points come from and go back to, below zero by as many as are out; member: a member's wallet; spent, expired,
    # adjustment, partner: where they went or came from; transfer: between two members, always at zero.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, sa.ForeignKey("members.customer_id")),
    sa.Column("wallet", sa.Text, nullable=False, server_default=sa.text("'points'")),
    sa.Column("partner_id", sa.Text),
    # Of a member's wallet only, under his lock: the sum of its postings, which is what is left of its lots, and of what it earned.
    # With them a read costs the same however many lots are open.
    sa.Column("balance", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("lifetime", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.CheckConstraint("kind IN ('issuance', 'member', 'spent', 'expired', 'adjustment', 'transfer', 'partner')", name="kind"),
    sa.CheckConstraint("(kind = 'member') = (customer_id IS NOT NULL)", name="owner"),
    sa.CheckConstraint("(kind = 'partner') = (partner_id IS NOT NULL)", name="partner"),
    sa.CheckConstraint("kind = 'member' OR (balance = 0 AND lifetime = 0)", name="nothing_shared"),
    sa.ForeignKeyConstraint(["programme_id", "wallet"], ["wallets.programme_id", "wallets.code"], name="fk_accounts_programme_id_wallets"),
    # A member's wallets by his customer id.
    sa.UniqueConstraint("customer_id", "programme_id", "wallet"),
    # The programme's one account of each kind.
    sa.Index(
        "ix_accounts_of_programme",
        *("programme_id", "wallet", "kind", "partner_id"),
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("customer_id IS NULL"),
    ),
)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    # Whose wallet it changes; whatever changes two makes two entries.
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    # The programme's account against which it stands: its kind, or `partner:` and the partner.
    sa.Column("counter", sa.Text, nullable=False),
    # What caused it: the order of an accrual, the return of a reversal, the hold of a redemption.
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text),
    # The change of the member's balance.
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("rate_version", sa.Integer),
    # The rule that made it, and its inputs and arithmetic; an order's accrual is explained by its rate.
    sa.Column("rule_version", sa.Text),
    sa.Column("explanation", JSONB),
    # When the reason arose, such as the day of the order; recorded_at is when the ledger heard of it.
    sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    # The number of the event that tells of it, which is its place in the member's chain, and the hash that covers it and those before.
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.CheckConstraint(
        "(points > 0 AND kind IN ('accrual', 'restoration', 'reinstatement', 'transfer_in', 'adjustment'))"
        " OR (points < 0 AND kind IN ('reversal', 'redemption', 'expiry', 'transfer_out', 'adjustment', 'forfeiture'))",
        name="points",
    ),
    # One accrual an order and one reversal a return, whatever is told twice.
    sa.UniqueConstraint("source_id", "kind", "account_id"),
    # A member's entries, newest first.
    sa.Index("ix_entries_of_member", "customer_id", "occurred_at", "id", postgresql_include=["kind", "points", "account_id"]),
    # What was taken back from a member, which counts for tiers when it was earned.
    sa.Index("ix_entries_reversals_of_member", "customer_id", "occurred_at", postgresql_where=sa.text("kind = 'reversal'")),
    # Whose chains have grown since the last seal.
    sa.Index("ix_entries_recorded_at", "recorded_at", postgresql_using="brin", postgresql_with={"pages_per_range": 32}),
)

# Reasons that people wrote: the only part of an entry that can hold personal data, and so the only one that can be blanked.
entry_notes = sa.Table(
    "entry_notes",
    metadata,
    sa.Column("entry_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text),
    sa.Column("reference", sa.Text),
    sa.Column("actor", sa.Text),
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
    # A trigger refuses one that there is not, once a statement.
    sa.Column("account_id", sa.BigInteger, nullable=False),
    sa.Column("entry_id", sa.Text, nullable=False),
    sa.Column("granted", sa.BigInteger, nullable=False),
    # The only column that the service may update.
    sa.Column("remaining", sa.BigInteger, nullable=False),
    sa.Column("earned_at", sa.DateTime(timezone=True), nullable=False),
    # Pending until then; nothing of it counts from `expires_at` on, booked or not. Without such a moment: -infinity, infinity.
    sa.Column("available_from", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("'-infinity'")),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("'infinity'")),
    # The version of the policy by which activity puts off its expiry; 0 when nothing does.
    sa.Column("expiry_version", sa.Integer, nullable=False, server_default=sa.text("0")),
    # What a wallet owes, as a lot below zero: what comes next pays it back first.
    sa.Column("is_overdraft", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint("granted > 0 OR is_overdraft", name="granted"),
    sa.CheckConstraint("remaining BETWEEN 0 AND granted OR is_overdraft", name="remaining"),
    sa.CheckConstraint(
        "NOT is_overdraft OR (granted = 0 AND remaining <= 0 AND entry_id = '' AND earned_at = '-infinity'"
        " AND available_from = '-infinity' AND expires_at = 'infinity')",
        name="overdraft",
    ),
    # The open lots of a wallet, first what expires first: what is drawn next, and what has lapsed.
    sa.Index(
        "ix_lots_open",
        *("account_id", "expiry_version", "expires_at", "earned_at", "id"),
        postgresql_include=["remaining"],
        postgresql_where=sa.text("remaining > 0"),
    ),
    # What is not available yet.
    sa.Index("ix_lots_pending", "account_id", "available_from", postgresql_where=sa.text("remaining > 0 AND available_from > earned_at")),
    # What is due to be booked as expired; of what activity puts off `expiry_watches` tells.
    sa.Index(
        "ix_lots_due",
        *("expires_at", "account_id"),
        postgresql_where=sa.text("remaining > 0 AND expires_at < 'infinity' AND expiry_version = 0"),
    ),
    # The lots of an entry, for its hash.
    sa.Index("ix_lots_entry_id", "entry_id"),
    # Who owes anything at all.
    sa.Index("ix_lots_owing", "account_id", postgresql_where=sa.text("remaining < 0")),
    # What a wallet owes.
    sa.Index("ix_lots_overdraft", "account_id", unique=True, postgresql_where=sa.text("is_overdraft")),
)

# Which entry took how much from which lot; below zero it gave back.
lot_draws = sa.Table(
    "lot_draws",
    metadata,
    sa.Column("entry_id", sa.Text, nullable=False),
    sa.Column("lot_id", sa.Text, nullable=False),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("entry_id", "lot_id"),
    sa.CheckConstraint("points <> 0", name="points"),
    # What was drawn from a lot.
    sa.Index("ix_lot_draws_lot_id", "lot_id"),
)

# What the ledger remembers of an order, also of one that earned nothing.
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    # A trigger refuses one who is no member, once a statement.
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("programme_id", sa.Text, nullable=False),
    sa.Column("rate_version", sa.Integer, nullable=False),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    # The sum of its returns; of an order the service may update this, its cancellation and what was forgiven.
    sa.Column("returned_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # What it earned; empty when it earned nothing.
    sa.Column("lot_id", sa.Text),
    sa.Column("cancelled_at", sa.DateTime(timezone=True)),
    # What its returns should have taken back and the programme's policy left to the member.
    sa.Column("points_forgiven", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # When the ledger heard of it, and of its cancellation.
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.Column("cancellation_recorded_at", sa.DateTime(timezone=True)),
    # What a customer bought in a window, and what is left of it.
    sa.Index(
        "ix_orders_customer_id_placed_at",
        *("customer_id", "placed_at"),
        postgresql_include=["order_id", "amount_minor", "returned_minor", "cancelled_at"],
    ),
)

order_returns = sa.Table(
    "order_returns",
    metadata,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    sa.CheckConstraint("amount_minor >= 0", name="amount_minor"),
    # The returns of an order.
    sa.Index("ix_order_returns_order_id", "order_id"),
)
