"""Many rows at once by COPY, whose text costs the server less than parameters do: rows are written as lines, in whatever process."""

import io
import re
from collections.abc import Sequence

from shared.database.pool import Connection

# Stands for null until the line is whole; no text of Postgres holds it.
_NULL = "\0"
_SPECIAL = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_ESCAPED = re.compile(r"[\\\t\n\r]")


def line_of(cells: Sequence[str | None]) -> str:
    """Return a row, or its beginning, as `copy_lines` takes it.

    Args:
        cells: texts in the order of the columns, none with a NUL character; None for null.
    """
    texts = [_NULL if cell is None else cell for cell in cells] if None in cells else cells
    line = "\t".join(texts)  # pyright: ignore[reportArgumentType,reportCallIssue] - none of them is None
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != len(cells) - 1:
        line = "\t".join([_NULL if cell is None else _ESCAPED.sub(_escape, cell) for cell in cells])
    return line if texts is cells else line.replace(_NULL, r"\N")


def _escape(found: re.Match[str]) -> str:
    return _SPECIAL[found[0]]


async def copy_lines(connection: Connection, table: str, columns: Sequence[str], lines: Sequence[str], ending: str = "") -> None:
    """Add rows to a table; its defaults, constraints and triggers apply as with INSERT.

    Args:
        connection: of the transaction.
        table: its name.
        columns: that the lines and the ending fill.
        lines: each from `line_of`.
        ending: what all rows end with, tabulators included; itself from `line_of`.
    """
    if lines:
        text = f"{ending}\n".join(lines) + ending + "\n"
        await connection.copy_to_table(table, source=io.BytesIO(text.encode()), columns=columns)
