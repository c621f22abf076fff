"""The query of statements: one, so that its parts fit each other whatever is posted meanwhile."""

from datetime import datetime
from typing import NamedTuple

from loyalty.statement.rules import StatementLine
from shared.database.pool import Connection

# The opening is reckoned back from what there is now, so that an old member's statement costs no more than a new one's.
# What has lapsed between the two moments and is not booked, because the worker is away, comes beside the lines.
_STATEMENT = """
WITH head AS MATERIALIZED (
    SELECT family, wallets,
           (before.booked - before.lapsed - coalesce((
               SELECT sum(points) FROM entries WHERE account_id = ANY (wallets) AND customer_id = ANY (family) AND occurred_at >= $4
           ), 0))::bigint AS opening,
           (SELECT lapsed FROM wallet_state(wallets, $5)) - before.lapsed AS lapsed
    FROM family_of($2) AS family, wallets_of($1, $3, family) AS wallets, wallet_state(wallets, $4) AS before
)
SELECT opening, lapsed, line.* FROM head LEFT JOIN LATERAL (
    SELECT page.* FROM unnest(family) AS member (id) CROSS JOIN LATERAL (
        SELECT id, kind, points, occurred_at, order_id FROM entries
        WHERE customer_id = member.id AND account_id = ANY (wallets) AND occurred_at >= $4 AND occurred_at < $5
        ORDER BY occurred_at, id LIMIT $6
    ) AS page
) AS line ON true ORDER BY line.occurred_at, line.id LIMIT $6
"""


class Movements(NamedTuple):
    """What a wallet had when a time began, what expired in it without having been booked, and its entries by time."""

    opening: int
    lapsed: int
    lines: list[StatementLine]


async def movements(
    connection: Connection, programme_id: str, customer_id: str, wallet: str, since: datetime, until: datetime, limit: int
) -> Movements:
    """Return what a family's wallet did from one moment until before another; at most `limit` lines."""
    rows = await connection.fetch(_STATEMENT, programme_id, customer_id, wallet, since, until, limit)
    opening, lapsed = rows[0][:2]
    return Movements(opening, lapsed, [StatementLine(*row[2:]) for row in rows if row["id"] is not None])
