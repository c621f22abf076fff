"""Every query on the words of names."""

from collections.abc import Sequence

from shared.database.pool import Connection
from shared.database.rows import affected

# Words that hold the typed one, and words that resemble it; the trigram index knows both.
_SIMILAR = "SELECT typed_word AS typed, similar_word AS similar FROM similar_words($1::text[], $2)"
# The names of the erased must not remain; a word goes when no document holds it.
_FORGET = """
DELETE FROM name_words AS known
WHERE known.word = ANY($1::text[])
    AND NOT EXISTS (SELECT FROM customers WHERE search_document @@ quote_literal(known.word)::tsquery)
"""


async def similar(connection: Connection, typed: Sequence[str], limit: int) -> dict[str, list[str]]:
    """Return words of names by the typed word that they resemble, at most so many each, the most similar first."""
    found: dict[str, list[str]] = {}
    for row in await connection.fetch(_SIMILAR, typed, limit):
        found.setdefault(row["typed"], []).append(row["similar"])
    return found


async def forget(connection: Connection, name_words: Sequence[str]) -> int:
    """Delete words that no name holds any more; return how many."""
    status = await connection.execute(_FORGET, name_words)
    return affected(status)
