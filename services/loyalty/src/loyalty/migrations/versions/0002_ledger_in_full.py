"""Wallets, lots with dates, holds, adjustments, households, and the chain of entries with its seals."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts
from shared.following.tables import create_following, drop_following

revision = "0002"
down_revision = "0001"

_SQL = Path(__file__).parents[1] / "sql"
_SCRIPTS = (
    "tables",
    "chain",
    "scopes",
    "entries",
    "expiry",
    "lots",
    "post_orders",
    "post_returns",
    "grant",
    "draw",
    "holds",
    "move",
    "seals",
    "guards",
)
_TABLES = ("seal_leaves", "seals", "household_members", "households", "adjustments", "hold_lots", "holds", "entry_notes")
# Everything that 0001 did not make, and what it made otherwise; what others call comes last.
_FUNCTIONS = (
    *("close_members", "book_expiries", "transfer_points", "note_timed_out_holds", "close_hold", "place_holds"),
    *("restore_points", "restorable_of", "draw_points", "grant_points", "seal_chains", "post_returns", "take_back", "post_orders"),
    *(
        "settle_overdrafts",
        "settle_overdraft",
        "overdraft_of",
        "sum_of",
        "plan_draw",
        "held_of",
        "wallet_history",
        "wallet_state",
        "book_draws",
    ),
    *("revive_told", "revived", "revive_lots", "next_lapse", "due_lots", "watch_expiries", "standing_of", "lot_expiry", "effective_expiry"),
    *("last_sign", "last_activity", "is_put_off", "expiry_policy_at", "expires_after"),
    *("write_entry", "new_id", "programme_account", "ensure_wallets", "wallets_of", "lock_pools", "pools_of", "pool_of", "family_of"),
)
_COLUMNS = {
    "orders": ("cancelled_at", "points_forgiven"),
    "lots": ("available_from", "expires_at", "expiry_version", "is_overdraft"),
    "entries": ("account_id", "counter", "sequence", "rule_version", "explanation", "hash"),
    "accounts": ("wallet", "partner_id", "balance", "lifetime"),
    "members": ("chain_hash", "closed_at"),
    "programmes": ("refund_policy",),
}


def upgrade() -> None:
    create_following()
    run_scripts(_SQL, (f"0002_{script}" for script in _SCRIPTS))


def downgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP TYPE drawn")
    op.execute("DROP AGGREGATE chained (bytea, text)")
    for function in ("chain_step", "chain_next", "entry_content", "lot_content"):
        op.execute(f"DROP FUNCTION {function}")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column} CASCADE")
    for table in ("wallets", "expiry_watches", "expiry_policies"):
        op.execute(f"DROP TABLE {table}")
    run_scripts(_SQL, ("0002_down", "0001_post_orders", "0001_post_returns"))
    drop_following()
