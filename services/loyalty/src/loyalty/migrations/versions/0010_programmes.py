"""Programmes side by side: drafted, published from a moment on, ended; each sees what happens for itself."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"

_SQL = Path(__file__).parents[1] / "sql"
# What these revisions made is made anew here, and put back when this one is taken back.
_REPLACED = {"ensure_members": "0001_ensure_members", "take_points_back": "0003_functions"}


def upgrade() -> None:
    for script in ("tables", "functions"):
        for statement in _statements(f"0010_{script}"):
            op.execute(statement)


def downgrade() -> None:
    for statement in _statements("0010_down"):
        op.execute(statement)
    for function, script in _REPLACED.items():
        [statement] = [statement for statement in _statements(script) if f"CREATE FUNCTION {function}(" in statement]
        op.execute(f"DROP FUNCTION {function}")
        op.execute(statement)


def _statements(script: str) -> list[str]:
    # `--;;` stands between the statements of a script, because bodies of functions hold semicolons.
    return (_SQL / f"{script}.sql").read_text().split("--;;")
