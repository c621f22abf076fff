"""What is heard of an order, looked at once."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts, statements_of

revision = "0016"
down_revision = "0015"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    run_scripts(_SQL, ["0016_functions"])


def downgrade() -> None:
    for function in ("hear_orders", "hear_occasions", "count_challenges", "concerned_offers"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("ALTER TABLE challenge_locks DROP tally")
    op.execute(next(statement for statement in statements_of(_SQL, "0007_challenges") if "CREATE FUNCTION lock_challenges(" in statement))
