"""Searching customers: classes of matches, each in the order of the list, the next only when the one before is exhausted."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

from customers.profiles.search import fold
from customers.search import repository
from customers.search.names import spellings, words
from customers.search.narrowing import Reading, reading
from customers.search.rules import Matches, Search, corrected, without
from customers.search.spelling import is_typing_error
from shared.database.pool import Connection

# Words that one typed word may be corrected to.
MAX_CORRECTIONS = 30

Row = TypeVar("Row")
# Gives the rows of one class after a sort key, at most so many.
ReadClass = Callable[[Reading, tuple[Any, ...] | None, int], Awaitable[list[Row]]]


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
    earlier: list[str] = []
    seen: dict[str, list[str] | None] = {}
    first, key = (max(int(after[0]), 0), after[1:]) if after else (0, None)
    number = 0
    async for matches in _classes(connection, search):
        if number >= first:
            whole = without(matches.query, earlier)
            wanted = Reading(whole, whole) if search.is_rare else await reading(connection, matches, whole, seen)
            rows = await read(wanted, key if number == first else None, limit - len(found))
            found += [(number, row) for row in rows]
            if len(found) >= limit:
                break
        earlier.append(matches.query)
        number += 1
    return found


async def _classes(connection: Connection, search: Search) -> AsyncIterator[Matches]:
    for matches in search.classes:
        yield matches
    if search.correctable:
        similar = await repository.similar(connection, search.correctable, MAX_CORRECTIONS)
        for matches in corrected(
            search, {word: [each for each in others if is_typing_error(word, each)] for word, others in similar.items()}
        ):
            yield matches


async def forget_names(connection: Connection, names: Iterable[str], ids: Sequence[str]) -> int:
    """Delete the words of names of customers who are being erased, when nobody else is called so; return how many."""
    held = {word for name in names for word in (*words(name), *spellings(name)) if word.isalnum()}
    return await repository.forget(connection, sorted(held), ids)


async def remember_names(connection: Connection, names: Iterable[str]) -> None:
    """Note the words of names again: who took a name while its last bearer was being erased found it noted, and it went with him."""
    await repository.remember(connection, [fold(name) for name in names])
