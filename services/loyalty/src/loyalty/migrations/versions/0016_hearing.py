"""What is heard of an order, looked at once."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0016"
down_revision = "0015"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    run_scripts(_SQL, ["0016_functions"])


def downgrade() -> None:
    for function in ("hear_orders", "hear_occasions"):
        op.execute(f"DROP FUNCTION {function}")
