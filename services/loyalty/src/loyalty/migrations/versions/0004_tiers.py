"""Tiers: their schemes, who stands where, and what changed when."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0004"
down_revision = "0003"

_SQL = Path(__file__).parents[1] / "sql"
_FUNCTIONS = ("lock_tier_histories", "tier_histories")
_TABLES = ("tier_changes", "tier_standings", "tier_overrides", "tier_schemes", "tiers")


def upgrade() -> None:
    run_scripts(_SQL, ("0004_tables", "0004_functions"))


def downgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP TRIGGER note_cancellation ON orders")
    op.execute("DROP FUNCTION note_cancellation")
    op.execute("ALTER TABLE order_returns DROP COLUMN recorded_at")
    op.execute("ALTER TABLE orders DROP COLUMN recorded_at, DROP COLUMN cancellation_recorded_at")
