"""Expiries of many lots at once: worked out in a few scans, booked in one statement, with ids that are made quickly."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts, statements_of

revision = "0013"
down_revision = "0012"

_SQL = Path(__file__).parents[1] / "sql"
_MADE = ("book_expiries", "next_lapses", "due_lots", "lot_expiries", "exempt_spans", "new_id")
# What is put back when this one is taken back, each after what it calls.
_REPLACED = {
    "new_id": "0002_entries",
    "exempt_spans": "0006_functions",
    "due_lots": "0002_lots",
    "next_lapse": "0002_lots",
    "book_expiries": "0002_move",
}


def upgrade() -> None:
    run_scripts(_SQL, ("0013_ids", "0013_expiry", "0013_lots", "0013_move"))


def downgrade() -> None:
    for function in _MADE:
        op.execute(f"DROP FUNCTION {function}")
    for function, script in _REPLACED.items():
        [statement] = [statement for statement in statements_of(_SQL, script) if f"CREATE FUNCTION {function}(" in statement]
        op.execute(statement)
