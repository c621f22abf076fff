"""Every query on segments and who belongs to them."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.ids import new_id

_COLUMNS = "code, version, kind, names, created_at"
_INSERT = f"INSERT INTO segments (code, names) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING {_COLUMNS}"
_GET = f"SELECT {_COLUMNS} FROM segments WHERE code = $1"
_LOCK = f"{_GET} FOR NO KEY UPDATE"
_RENAME = f"UPDATE segments SET names = $2, version = version + 1 WHERE code = $1 RETURNING {_COLUMNS}"
_PAGE = f"SELECT {_COLUMNS} FROM segments WHERE code > $1 ORDER BY code LIMIT $2"

# Held against an erasure: nobody enters who is being forgotten.
_PRESENT = "SELECT id FROM customers WHERE id = ANY($1::text[]) AND root_id IS NOT NULL ORDER BY id FOR KEY SHARE"
_CHANGED = "present.id, present.customer_id, present.segment, present.is_member, present.version, present.entered_at, present.changed_at"
# In one order, so that two batches never wait for each other in a circle. No moment of a membership comes twice.
_ENTER = f"""
INSERT INTO segment_memberships AS present (id, segment, customer_id, is_member, entered_at, changed_at)
SELECT id, $1, customer_id, true, at, at
FROM unnest($2::text[], $3::text[]) AS told (id, customer_id), clock_timestamp() AS at ORDER BY customer_id
ON CONFLICT (customer_id, segment) DO UPDATE
SET is_member = true, version = present.version + 1,
    entered_at = greatest(excluded.entered_at, present.changed_at + interval '1 microsecond'),
    changed_at = greatest(excluded.entered_at, present.changed_at + interval '1 microsecond')
WHERE NOT present.is_member
RETURNING {_CHANGED}
"""
_LEAVE = f"""
WITH leaving AS MATERIALIZED (
    SELECT id FROM segment_memberships WHERE segment = $1 AND customer_id = ANY($2::text[]) AND is_member ORDER BY customer_id FOR UPDATE
)
UPDATE segment_memberships AS present
SET is_member = false, version = version + 1, changed_at = greatest(clock_timestamp(), entered_at + interval '1 microsecond')
FROM leaving WHERE present.id = leaving.id
RETURNING {_CHANGED}
"""
_MEMBERS = """
SELECT customer_id, entered_at FROM segment_memberships WHERE segment = $1 AND is_member AND customer_id > $2 ORDER BY customer_id LIMIT $3
"""
# A family belongs to a segment since the first of its records does.
_OF_FAMILY = """
SELECT code, kind, names, min(entered_at) AS entered_at FROM segment_memberships JOIN segments ON code = segment
WHERE customer_id = ANY($1::text[]) AND is_member AND code > $2 GROUP BY code ORDER BY code LIMIT $3
"""
_ERASE = "DELETE FROM segment_memberships WHERE customer_id = ANY($1::text[])"
_COLLECT = """
SELECT customer_id, segment, is_member, entered_at, changed_at FROM segment_memberships WHERE customer_id = ANY($1::text[])
ORDER BY customer_id, segment
"""


class Changed(NamedTuple):
    """A membership that began or ended; `version` numbers the event that tells of it."""

    id: str
    customer_id: str
    segment: str
    is_member: bool
    version: int
    entered_at: datetime
    changed_at: datetime


async def insert(connection: Connection, code: str, names: Mapping[Any, str]) -> Record | None:
    """Add a segment; None when its code is taken."""
    return await connection.fetchrow(_INSERT, code, dict(names))


async def get(connection: Connection, code: str) -> Record | None:
    """Return a segment."""
    return await connection.fetchrow(_GET, code)


async def lock(connection: Connection, code: str) -> Record | None:
    """Return a segment that nobody else changes until the transaction ends."""
    return await connection.fetchrow(_LOCK, code)


async def rename(connection: Connection, code: str, names: Mapping[Any, str]) -> Record:
    """Name a locked segment otherwise."""
    row = await connection.fetchrow(_RENAME, code, dict(names))
    assert row is not None
    return row


async def page(connection: Connection, after: str, limit: int) -> list[Record]:
    """Return segments by code, those after this one."""
    return await connection.fetch(_PAGE, after, limit)


async def present(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return those of the records that exist, none of which is erased until the transaction ends."""
    return {row["id"] for row in await connection.fetch(_PRESENT, ids)}


async def enter(connection: Connection, code: str, ids: Sequence[str]) -> list[Changed]:
    """Let records that exist belong to a segment; return those that did not."""
    return [Changed(*row) for row in await connection.fetch(_ENTER, code, [new_id("sgm") for _ in ids], ids)]


async def leave(connection: Connection, code: str, ids: Sequence[str]) -> list[Changed]:
    """Let records belong to a segment no more; return those that did."""
    return [Changed(*row) for row in await connection.fetch(_LEAVE, code, ids)]


async def members(connection: Connection, code: str, after: str, limit: int) -> list[Record]:
    """Return the records that belong to a segment, by id, those after this one."""
    return await connection.fetch(_MEMBERS, code, after, limit)


async def of_family(connection: Connection, ids: Sequence[str], after: str, limit: int) -> list[Record]:
    """Return the segments that any of these records belongs to, by code, those after this one."""
    return await connection.fetch(_OF_FAMILY, ids, after, limit)


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete the memberships of records; return how many."""
    return affected(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the memberships of records."""
    return [dict(row) for row in await connection.fetch(_COLLECT, ids)]
