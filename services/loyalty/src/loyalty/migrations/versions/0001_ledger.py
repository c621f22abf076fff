"""The chassis, members, the programme with its rate, and the ledger."""

from pathlib import Path

from alembic import op

from shared.database.chassis import create_chassis, drop_chassis
from shared.database.sql_scripts import run_scripts

revision = "0001"
down_revision = None

_SQL = Path(__file__).parents[1] / "sql"
_SCRIPTS = ("tables", "ensure_members", "enrol", "post_orders", "post_returns", "guards")
# Those that others refer to come last.
_TABLES = (
    *("order_returns", "orders", "lot_draws", "lots", "postings", "entries"),
    *("accounts", "programme_rates", "programmes", "members"),
)


def upgrade() -> None:
    create_chassis()
    run_scripts(_SQL, (f"0001_{script}" for script in _SCRIPTS))


def downgrade() -> None:
    for function in ("post_returns", "post_orders", "enrol", "points_for", "ensure_members"):
        op.execute(f"DROP FUNCTION {function}")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
    for function in ("refuse_unbalanced", "refuse_change"):
        op.execute(f"DROP FUNCTION {function}")
    drop_chassis()
