"""Standings that stay true: news of what they do not know yet, and sums over a window by the index alone."""

from pathlib import Path

from shared.database.sql_scripts import run_scripts

revision = "0012"
down_revision = "0011"

_SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    run_scripts(_SQL, ("0012_tables", "0012_functions"))


def downgrade() -> None:
    run_scripts(_SQL, ("0012_down", "0004_functions"))
