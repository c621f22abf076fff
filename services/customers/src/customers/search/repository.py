"""Every query on the words of names."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.database.pool import Connection
from shared.database.rows import affected

# Words that hold the typed one or differ by one letter; where there is none, words that resemble it.
_SIMILAR = "SELECT typed_word AS typed, similar_word AS similar FROM similar_words($1::text[], $2)"
# `{` comes after `z`. A word may be there twice.
_BEGINNING = """
SELECT asked.word AS typed, ARRAY(
    SELECT known.word FROM name_words AS known
    WHERE known.word >= asked.word AND known.word < asked.word || '{' ORDER BY known.word LIMIT $2
) AS found
FROM (SELECT t.word COLLATE "C" AS word FROM unnest($1::text[]) AS t (word)) AS asked
"""
# How many customers there are, and the share of them whose documents hold a lexeme, when the table was last analysed; of the rare
# ones nothing is told.
_SHARES = """
SELECT greatest(c.reltuples, 0) AS customers, frequent.lexeme, frequent.share
FROM pg_class AS c LEFT JOIN LATERAL (
    SELECT e.lexeme, e.share FROM pg_stats AS s
    CROSS JOIN LATERAL unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS e (lexeme, share)
    WHERE s.schemaname = current_schema() AND s.tablename = 'customers' AND s.attname = 'search_document' AND e.lexeme = ANY($1::text[])
) AS frequent ON true
WHERE c.oid = 'customers'::regclass
"""
# A word stays when somebody else is called so, too. It consists of letters and digits only.
_FORGET = """
DELETE FROM name_words AS known USING unnest($1::text[]) AS t (word)
WHERE known.word = t.word COLLATE "C" AND known.word ~ '^[a-z][a-z0-9]*$'
    AND NOT EXISTS (SELECT FROM customers AS o WHERE o.search_document @@ t.word::tsquery AND o.id <> ALL($2::text[]))
"""
_REMEMBER = "SELECT remember_name_words($1::text[])"
# The pages of the dictionary, and what one of them holds that nobody is called by: a place in it is no one's name.
_PAGES = "SELECT greatest(pg_relation_size('name_words') / current_setting('block_size')::bigint, 1)"
_TIDY = """
DELETE FROM name_words AS known WHERE known.ctid >= format('(%s,0)', $1::bigint)::tid AND known.ctid < format('(%s,0)', $1::bigint + 1)::tid
    AND NOT EXISTS (SELECT FROM customers AS o WHERE o.search_document @@ quote_literal(known.word)::tsquery)
"""


class Shares(NamedTuple):
    """How frequent lexemes are.

    Attributes:
        customers: about how many customers there are.
        of: the share of customers who have a lexeme, 0 to 1, where it is frequent.
    """

    customers: float
    of: dict[str, float]


async def similar(connection: Connection, typed: Sequence[str], limit: int) -> dict[str, list[str]]:
    """Return words of names by the typed word that they resemble, at most so many each, the most similar first."""
    found: dict[str, list[str]] = {}
    for row in await connection.fetch(_SIMILAR, typed, limit):
        found.setdefault(row["typed"], []).append(row["similar"])
    return found


async def beginning(connection: Connection, typed: Sequence[str], limit: int) -> dict[str, list[str]]:
    """Return the words of names that begin with each typed word; those of which there are so many or more are left out."""
    rows = await connection.fetch(_BEGINNING, typed, limit) if typed else []
    return {row["typed"]: row["found"] for row in rows if len(row["found"]) < limit}


async def shares(connection: Connection, lexemes: Iterable[str]) -> Shares:
    """Return how many customers there are, and the shares of them who have each of the frequent ones among some lexemes."""
    rows = await connection.fetch(_SHARES, list(lexemes))
    return Shares(rows[0]["customers"], {row["lexeme"]: row["share"] for row in rows if row["lexeme"] is not None})


async def forget(connection: Connection, name_words: Sequence[str], ids: Sequence[str]) -> int:
    """Delete words that nobody's name holds but those of some customers; return how many."""
    return affected(await connection.execute(_FORGET, name_words, ids))


async def remember(connection: Connection, folded: Sequence[str]) -> None:
    """Note the words of folded names that are not noted."""
    await connection.execute(_REMEMBER, folded)


async def pages(connection: Connection) -> int:
    """Return how many pages of words there are, one at least."""
    return await connection.fetchval(_PAGES) or 1


async def tidy(connection: Connection, page: int) -> int:
    """Delete the words of a page that nobody is called by; return how many."""
    return affected(await connection.execute(_TIDY, page))
