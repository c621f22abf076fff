"""What a write costs in the database."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0011"
down_revision = "0010"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    run_scripts(_SQL, ["0011_functions"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    run_scripts(_SQL, ["0011_down"])
