"""Every query of households."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.database.pool import Connection

_CREATE = "INSERT INTO households (id) VALUES ($1)"
_LOCK = "SELECT id FROM households WHERE id = $1 FOR UPDATE"
# Whoever spends from a pool holds these locks, and looks again who belongs to it once he has them.
_LOCK_MEMBERS = "SELECT lock_pools($1)"
_KNOWN = "SELECT count(*) FROM members WHERE customer_id = ANY ($1) AND closed_at IS NULL"
_PRESENT = "SELECT customer_id FROM household_members WHERE customer_id = ANY ($1) AND left_at IS NULL"
_JOIN = "INSERT INTO household_members (household_id, customer_id) SELECT $1, customer FROM unnest($2::text[]) AS customer"
_LEAVE = """
UPDATE household_members SET left_at = clock_timestamp() WHERE household_id = $1 AND customer_id = $2 AND left_at IS NULL
RETURNING customer_id
"""
_FIND = """
SELECT households.id, created_at, coalesce(array_agg(customer_id ORDER BY joined_at, customer_id) FILTER (WHERE left_at IS NULL), '{}')
       AS customer_ids
FROM households LEFT JOIN household_members ON household_id = households.id WHERE households.id = $1 GROUP BY households.id
"""


class HouseholdRow(NamedTuple):
    """A household and who is in it now."""

    id: str
    created_at: datetime
    customer_ids: list[str]


async def create(connection: Connection, household_id: str) -> None:
    """Make a household without members."""
    await connection.execute(_CREATE, household_id)


async def lock(connection: Connection, household_id: str) -> bool:
    """Hold other changes of a household off; return whether there is one."""
    return await connection.fetchval(_LOCK, household_id) is not None


async def lock_members(connection: Connection, customer_ids: Sequence[str]) -> bool:
    """Hold postings of members and of all with whom they spend off; return whether all are members."""
    await connection.execute(_LOCK_MEMBERS, customer_ids)
    return await connection.fetchval(_KNOWN, customer_ids) == len(set(customer_ids))


async def anybody_present(connection: Connection, customer_ids: Sequence[str]) -> bool:
    """Return whether one of them is in a household."""
    return bool(await connection.fetch(_PRESENT, customer_ids))


async def join(connection: Connection, household_id: str, customer_ids: Sequence[str]) -> None:
    """Let members join."""
    await connection.execute(_JOIN, household_id, customer_ids)


async def leave(connection: Connection, household_id: str, customer_id: str) -> bool:
    """Let a member leave; return whether he was in it."""
    return await connection.fetchval(_LEAVE, household_id, customer_id) is not None


async def find(connection: Connection, household_id: str) -> HouseholdRow | None:
    """Return a household, or None."""
    row = await connection.fetchrow(_FIND, household_id)
    return HouseholdRow(*row) if row is not None else None
