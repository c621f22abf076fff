"""Reminders of points that expire, tiers in which none do, and what a point costs."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0006"
down_revision = "0005"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    run_scripts(_SQL, ("0006_tables", "0006_functions"))


def downgrade() -> None:
    op.execute("DROP FUNCTION exempt_spans")
    for table in ("point_values", "expiry_reminder_marks", "expiry_reminders"):
        op.execute(f"DROP TABLE {table}")
