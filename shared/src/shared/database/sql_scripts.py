"""Migrations that are told in SQL files."""

from collections.abc import Iterable
from pathlib import Path

from alembic import op

# Stands between the statements of a script, because bodies of functions hold semicolons.
_SEPARATOR = "--;;"


def statements_of(folder: Path, name: str) -> list[str]:
    """Return the statements of `<name>.sql`."""
    return (folder / f"{name}.sql").read_text().split(_SEPARATOR)


def run_scripts(folder: Path, names: Iterable[str]) -> None:
    """Execute the statements of scripts, one script after the other."""
    for name in names:
        for statement in statements_of(folder, name):
            op.execute(statement)
