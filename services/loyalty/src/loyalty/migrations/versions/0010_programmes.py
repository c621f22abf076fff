"""Programmes side by side: drafted, published from a moment on, ended; each sees what happens for itself."""

from pathlib import Path

from alembic import op

from shared.database.sql_scripts import run_scripts, statements_of

revision = "0010"
down_revision = "0009"

_SQL = Path(__file__).parents[1] / "sql"
# What these revisions made is made anew here, and put back when this one is taken back.
_REPLACED = {"ensure_members": "0001_ensure_members", "take_points_back": "0003_functions"}


def upgrade() -> None:
    run_scripts(_SQL, ("0010_tables", "0010_functions"))


def downgrade() -> None:
    run_scripts(_SQL, ["0010_down"])
    for function, script in _REPLACED.items():
        [statement] = [statement for statement in statements_of(_SQL, script) if f"CREATE FUNCTION {function}(" in statement]
        op.execute(f"DROP FUNCTION {function}")
        op.execute(statement)
