"""The chassis, members, the programme with its rate, and the ledger."""

from pathlib import Path

from alembic import op

from shared.database.chassis import create_chassis, drop_chassis

revision = "0001"
down_revision = None

_SQL = Path(__file__).parents[1] / "sql"
_SCRIPTS = ("tables", "ensure_members", "enrol", "post_orders", "post_returns", "guards")
# Those that others refer to come last.
_TABLES = (
    *("order_returns", "orders", "lot_draws", "lots", "postings", "entries"),
    *("accounts", "programme_rates", "programmes", "members"),
)
# Stands between the statements of a script, because bodies of functions hold semicolons.
_SEPARATOR = "--;;"


def upgrade() -> None:
    create_chassis()
    for script in _SCRIPTS:
        for statement in (_SQL / f"0001_{script}.sql").read_text().split(_SEPARATOR):
            op.execute(statement)


def downgrade() -> None:
    for function in ("post_returns", "post_orders", "enrol", "points_for", "ensure_members"):
        op.execute(f"DROP FUNCTION {function}")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
    for function in ("refuse_unbalanced", "refuse_change"):
        op.execute(f"DROP FUNCTION {function}")
    drop_chassis()
