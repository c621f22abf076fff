"""Every query of who takes part in which programme."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.database.pool import Connection
from shared.database.rows import affected

# Who left for his family left for all of it.
_ABSENT = """
SELECT told.customer_id, told.moment FROM unnest($2::text[], $3::timestamptz[]) AS told (customer_id, moment)
WHERE EXISTS (
    SELECT FROM programme_absences AS away
    WHERE away.customer_id = ANY (family_of(told.customer_id)) AND programme_id = $1
      AND left_at <= told.moment AND (back_at IS NULL OR told.moment < back_at)
)
"""
# One whose membership ended has nothing to leave.
_LEAVE = """
INSERT INTO programme_absences (programme_id, customer_id, left_at)
SELECT $1, customer_id, $3 FROM members WHERE customer_id = $2 AND closed_at IS NULL
ON CONFLICT DO NOTHING
"""
_COME_BACK = """
UPDATE programme_absences SET back_at = greatest($3, left_at)
WHERE programme_id = $1 AND customer_id = ANY (family_of($2)) AND back_at IS NULL
"""
_OF_MEMBER = """
SELECT programmes.id AS programme_id, name, title, starts_at, ends_at, NOT EXISTS (
           SELECT FROM programme_absences WHERE customer_id = ANY (family) AND programme_id = programmes.id AND back_at IS NULL
       ) AS takes_part, state.spendable AS balance, state.lifetime, state.pending, state.held
FROM family_of($1) AS family, programmes,
     LATERAL wallet_state(wallets_of(programmes.id, 'points', family), clock_timestamp()) AS state
WHERE published_at IS NOT NULL ORDER BY programmes.id LIMIT $2
"""
# More than anybody could take part in.
_MAX_PROGRAMMES = 200
_ERASE = "DELETE FROM programme_absences WHERE customer_id = ANY ($1)"
_COLLECT = """
SELECT programme_id, customer_id, left_at, back_at FROM programme_absences WHERE customer_id = ANY ($1) ORDER BY left_at, programme_id
"""


class ParticipationRow(NamedTuple):
    """What a member and his family have in a programme."""

    programme_id: str
    name: str
    title: dict[str, str] | None
    starts_at: datetime | None
    ends_at: datetime | None
    takes_part: bool
    balance: int
    lifetime: int
    pending: int
    held: int


async def of_member(connection: Connection, customer_id: str) -> list[ParticipationRow]:
    """Return what a member has in each published programme."""
    return [ParticipationRow(*row) for row in await connection.fetch(_OF_MEMBER, customer_id, _MAX_PROGRAMMES)]


async def absent(connection: Connection, programme_id: str, told: Sequence[tuple[str, datetime]]) -> set[tuple[str, datetime]]:
    """Return which customers took no part in a programme at which of these moments."""
    rows = await connection.fetch(_ABSENT, programme_id, [customer for customer, _ in told], [moment for _, moment in told])
    return {(row["customer_id"], row["moment"]) for row in rows}


async def leave(connection: Connection, programme_id: str, customer_id: str, now: datetime) -> None:
    """Keep that a member takes no part in a programme from now on."""
    await connection.execute(_LEAVE, programme_id, customer_id, now)


async def come_back(connection: Connection, programme_id: str, customer_id: str, now: datetime) -> None:
    """Keep that a member takes part in a programme again."""
    await connection.execute(_COME_BACK, programme_id, customer_id, now)


async def erase(connection: Connection, customer_ids: Sequence[str]) -> dict[str, int]:
    """Delete what members left; return how much."""
    return {"programme_absences": affected(await connection.execute(_ERASE, customer_ids))}


async def collect(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what members left."""
    return {"programme_absences": [dict(row) for row in await connection.fetch(_COLLECT, customer_ids)]}
