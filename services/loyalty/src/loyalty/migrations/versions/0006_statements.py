"""Reminders of points that expire, tiers in which none do, and what a point costs."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    for script in ("tables", "functions"):
        # `--;;` stands between the statements of a script, because bodies of functions hold semicolons.
        for statement in (_SQL / f"0006_{script}.sql").read_text().split("--;;"):
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION exempt_spans")
    for table in ("point_values", "expiry_reminder_marks", "expiry_reminders"):
        op.execute(f"DROP TABLE {table}")
