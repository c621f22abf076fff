"""Rows on their way to and from set-based statements."""

from collections.abc import Iterable, Sequence
from typing import Any


def transposed(rows: Iterable[Sequence[Any]], width: int = 0) -> list[list[Any]]:
    """Return the columns of rows, as `unnest` takes them.

    Args:
        rows: all of one length.
        width: how many empty columns there are when there is no row.
    """
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def affected(status: str) -> int:
    """Return how many rows a command touched, from the status that Postgres answers with, such as `UPDATE 3` or `INSERT 0 3`."""
    return int(status.rpartition(" ")[2])
