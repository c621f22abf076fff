"""Vouchers, offers and rewards of any programme; vouchers for some articles, days and hours; payments with points."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0014"
down_revision = "0013"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    run_scripts(_SQL, ["0014_tables"])


def downgrade() -> None:
    run_scripts(_SQL, ["0014_down"])
