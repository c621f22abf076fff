"""Challenges, streaks and badges."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts

revision = "0007"
down_revision = "0006"

_SQL = Path(__file__).parents[1] / "sql"
_TABLES = (
    *("challenge_completions", "challenge_locks", "challenge_facts", "challenge_returns", "challenge_orders", "challenges"),
    *("badge_awards", "badges"),
)


def upgrade() -> None:
    run_scripts(_SQL, ["0007_challenges"])


def downgrade() -> None:
    op.execute("DROP FUNCTION lock_challenges")
    for table in _TABLES:
        op.execute(f"DROP TABLE {table}")
