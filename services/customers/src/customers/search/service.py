"""Searching customers: classes of matches, each in the order of the list, the next only when the one before is exhausted."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from customers.search import repository
from customers.search.names import words
from customers.search.rules import Search, corrected, without
from customers.search.spelling import is_typing_error
from shared.database.pool import Connection

# Words that one typed word may be corrected to.
MAX_CORRECTIONS = 30

Row = TypeVar("Row")
# Gives the rows of one class after a sort key, at most so many; told whether few can be in it.
ReadClass = Callable[[str, bool, tuple[Any, ...] | None, int], Awaitable[list[Row]]]


async def page(
    connection: Connection, search: Search, read: "ReadClass[Row]", after: tuple[Any, ...] | None, limit: int
) -> list[tuple[int, Row]]:
    """Return rows with the number of their class.

    Args:
        connection: to read with.
        search: what is looked for.
        read: reads the rows of one class; called once for each class that the page touches.
        after: number of the class and sort key of the last row that was seen.
        limit: rows at most.
    """
    found: list[tuple[int, Row]] = []
    first, key = (int(after[0]), after[1:]) if after else (0, None)
    for number in range(max(first, 0), len(search.classes) + 1):
        wanted = search.classes[number] if number < len(search.classes) else await _corrected(connection, search)
        if wanted is None:
            break
        is_rare = search.is_rare or number == len(search.classes)
        rows = await read(without(wanted, search.classes[:number]), is_rare, key if number == first else None, limit - len(found))
        found += [(number, row) for row in rows]
        if len(found) >= limit:
            break
    return found


async def _corrected(connection: Connection, search: Search) -> str | None:
    typed = search.correctable
    if not typed:
        return None
    similar = await repository.similar(connection, typed, MAX_CORRECTIONS)
    return corrected(search, {word: [each for each in others if is_typing_error(word, each)] for word, others in similar.items()})


async def forget_names(connection: Connection, names: Iterable[str]) -> int:
    """Delete the words of names of people who were erased, when nobody else is called so; return how many."""
    return await repository.forget(connection, sorted({word for name in names for word in words(name)}))
