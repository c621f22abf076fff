"""How a class of matches is read, so that it takes no longer among a million customers than among ten thousand.

The index of documents is quick at whole lexemes and slow at beginnings of frequent ones, of which it reads every bearer. So a class is
narrowed to the words that are known to begin like that, and what it asks for beyond them is looked at in the rows that are left. Where
even whole lexemes leave thousands, reading the list in its order meets a page of them sooner than the index does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from customers.search import repository
from customers.search.rules import Matches, Part, all_of, any_of, is_expandable, is_selective, lexeme, prefix
from shared.database.pool import Connection

# Words that one typed beginning is replaced by; what so many begin with is no narrowing.
MAX_BEGINNINGS = 60
# So many matches lie close enough together in the list to be met on the way; so many rows are too many to be fetched for a page.
_MANY_MATCHES = 2_000
_MANY_ROWS = 4_000
# The share of customers, by want of knowledge, who have a lexeme that is none of the frequent ones.
_RARE = 1e-4


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read one class of matches.

    Attributes:
        whole: the text query that matches satisfy.
        narrow: a query that the index answers quickly and that every match satisfies, or None where there is none.
        are_many: whether so many may match that some lie close together in any order.
    """

    whole: str
    narrow: str | None = None
    are_many: bool = False


async def reading(connection: Connection, matches: Matches, whole: str, seen: dict[str, list[str] | None] | None = None) -> Reading:
    """Return how to read a class of matches.

    Args:
        connection: to read with.
        matches: the class.
        whole: its query without what earlier classes showed.
        seen: the words that begin with typed ones, as looked up for earlier classes; None for countless.
    """
    known = await _beginning_with(
        connection, [part.word for part in matches.parts if is_expandable(part.word)], {} if seen is None else seen
    )
    exact = [_lexemes(part, known[part.word]) for part in matches.parts if part.word in known]
    begun = [part for part in matches.parts if part.word not in known and is_selective(part.word)]
    narrow = [*(any_of(map(lexeme, sorted(each))) for each in exact), *(_beginning(part) for part in begun)]
    if not narrow:
        # Whole lexemes are quick by the index; what countless ones begin with, many have.
        return Reading(whole, are_many=bool(matches.parts))
    if begun:
        return Reading(whole, all_of(narrow))
    rows = await _expected(connection, exact)
    # Beside a frequent word one of countless is met on the way, too, unless it is rare: to look costs less than to read its bearers.
    are_many = rows >= (_MANY_MATCHES if len(exact) == len(matches.parts) else _MANY_ROWS)
    return Reading(whole, whole if rows >= _MANY_ROWS else all_of(narrow), are_many=are_many)


async def _beginning_with(connection: Connection, typed: Sequence[str], seen: dict[str, list[str] | None]) -> dict[str, list[str]]:
    """Return the words that begin with each typed one of which they are not countless."""
    new = [word for word in typed if word not in seen]
    if new:
        found = await repository.beginning(connection, new, MAX_BEGINNINGS)
        seen.update((word, found.get(word)) for word in new)
    return {word: known for word in typed if (known := seen[word]) is not None}


async def _expected(connection: Connection, parts: Sequence[set[str]]) -> float:
    """Return about how many customers have a lexeme of each part, by what is known of the frequent ones."""
    shares = await repository.shares(connection, {each for part in parts for each in part})
    expected = shares.customers
    for number, part in enumerate(parts):
        # One lexeme may be all that two typed words ask for.
        if all(part.isdisjoint(earlier) for earlier in parts[:number]):
            expected *= max(sum(shares.of.get(each, 0.0) for each in part), _RARE)
    return expected


def _lexemes(part: Part, beginning: Iterable[str]) -> set[str]:
    return {part.word, *part.others, *beginning}


def _beginning(part: Part) -> str:
    return any_of([prefix(part.word), *map(lexeme, part.others)])
