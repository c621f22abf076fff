"""Every query of cards."""

from datetime import datetime
from typing import Any, NamedTuple

from shared.database.pool import Connection
from shared.database.rows import affected

# The lock keeps the member from being erased meanwhile.
_ISSUE = """
WITH member AS (
    SELECT customer_id FROM members WHERE customer_id = $1 AND closed_at IS NULL FOR KEY SHARE
)
INSERT INTO member_cards (number, customer_id) SELECT $2, customer_id FROM member
ON CONFLICT DO NOTHING RETURNING number, customer_id, issued_at, ended_at
"""
_END = "UPDATE member_cards SET ended_at = clock_timestamp() WHERE customer_id = $1 AND ended_at IS NULL"
# His own, else the youngest of those who are the same person.
_CURRENT = """
SELECT number, customer_id, issued_at, ended_at FROM member_cards WHERE customer_id = ANY (family_of($1)) AND ended_at IS NULL
ORDER BY customer_id <> $1, issued_at DESC LIMIT 1
"""
_FIND = "SELECT number, customer_id, issued_at, ended_at FROM member_cards WHERE number = $1"
_ERASE = "DELETE FROM member_cards WHERE customer_id = ANY ($1)"
_COLLECT = "SELECT number, customer_id, issued_at, ended_at FROM member_cards WHERE customer_id = ANY ($1) ORDER BY issued_at, number"


class CardRow(NamedTuple):
    """A card; `ended_at` once another took its place."""

    number: str
    customer_id: str
    issued_at: datetime
    ended_at: datetime | None


async def issue(connection: Connection, customer_id: str, number: str) -> CardRow | None:
    """Give a member a card; None when he has one already, or is no member (any more)."""
    row = await connection.fetchrow(_ISSUE, customer_id, number)
    return CardRow(*row) if row is not None else None


async def end(connection: Connection, customer_id: str) -> bool:
    """End a member's card and return whether he had one."""
    return affected(await connection.execute(_END, customer_id)) > 0


async def current(connection: Connection, customer_id: str) -> CardRow | None:
    """Return the card of a member or of who is the same person, or None."""
    row = await connection.fetchrow(_CURRENT, customer_id)
    return CardRow(*row) if row is not None else None


async def find(connection: Connection, number: str) -> CardRow | None:
    """Return a card by its number, or None."""
    row = await connection.fetchrow(_FIND, number)
    return CardRow(*row) if row is not None else None


async def erase(connection: Connection, customer_ids: list[str]) -> int:
    """Delete the cards of members and return how many there were."""
    return affected(await connection.execute(_ERASE, customer_ids))


async def collect(connection: Connection, customer_ids: list[str]) -> list[dict[str, Any]]:
    """Return all cards that members ever had."""
    return [dict(row) for row in await connection.fetch(_COLLECT, customer_ids)]
