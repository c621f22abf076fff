"""Every query on learning material."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from datetime import datetime
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.ids import new_id

_COLUMNS = "id, titles, texts, links, journey_stage, created_at"
_INSERT = f"INSERT INTO materials (id, titles, texts, links, journey_stage) VALUES ($1, $2, $3, $4, $5) RETURNING {_COLUMNS}"
_GET = f"SELECT {_COLUMNS} FROM materials WHERE id = $1"
_PAGE = f"SELECT {_COLUMNS} FROM materials WHERE {{conditions}} ORDER BY created_at, id LIMIT $1"
# By whether a stage is asked for.
PAGES = {
    False: _PAGE.format(conditions="(created_at, id) > ($2::timestamptz, $3::text)"),
    True: _PAGE.format(conditions="(created_at, id) > ($2::timestamptz, $3::text) AND journey_stage = $4"),
}
_PROGRESS = "material_id, customer_id, opened_at, completed_at"
# Held against an erasure. What was first counts, whatever is told first.
_TELL = f"""
WITH learner AS (SELECT id FROM customers WHERE id = $1 AND root_id IS NOT NULL FOR SHARE)
INSERT INTO material_progress AS p (customer_id, material_id, opened_at, completed_at)
SELECT id, $2, $3::timestamptz, CASE WHEN $4 THEN $3::timestamptz END FROM learner
ON CONFLICT (customer_id, material_id) DO UPDATE
SET opened_at = least(p.opened_at, excluded.opened_at), completed_at = least(p.completed_at, excluded.completed_at)
RETURNING {_PROGRESS}
"""
_OF_CUSTOMER = f"""
SELECT {_PROGRESS} FROM material_progress WHERE customer_id = ANY($1::text[]) AND (material_id, customer_id) > ($2, $3)
ORDER BY material_id, customer_id LIMIT $4
"""
_ERASE = "DELETE FROM material_progress WHERE customer_id = ANY($1::text[])"
_COLLECT = f"SELECT {_PROGRESS} FROM material_progress WHERE customer_id = ANY($1::text[]) ORDER BY opened_at, material_id"


async def insert(connection: Connection, titles: Any, texts: Any, links: Any, journey_stage: str) -> Record:
    """Add a material."""
    row = await connection.fetchrow(_INSERT, new_id("mat"), titles, texts, links, journey_stage)
    assert row is not None
    return row


async def get(connection: Connection, material_id: str) -> Record | None:
    """Return a material."""
    return await connection.fetchrow(_GET, material_id)


async def page(connection: Connection, journey_stage: str | None, after: tuple[Any, ...], limit: int) -> list[Record]:
    """Return materials, oldest first, after a sort key."""
    return await connection.fetch(PAGES[journey_stage is not None], limit, *after, *([journey_stage] if journey_stage else []))


async def tell(connection: Connection, customer_id: str, material_id: str, at: datetime, *, completed: bool) -> Record | None:
    """Write down how far a customer has come, or return None when there is no such customer."""
    return await connection.fetchrow(_TELL, customer_id, material_id, at, completed)


async def of_customer(connection: Connection, ids: list[str], after: tuple[Any, ...], limit: int) -> list[Record]:
    """Return how far the records of a customer have come, after a sort key."""
    return await connection.fetch(_OF_CUSTOMER, ids, *after, limit)


async def erase(connection: Connection, ids: list[str]) -> int:
    """Delete how far records have come; return how many rows."""
    return affected(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: list[str]) -> list[Record]:
    """Return how far records have come."""
    return await connection.fetch(_COLLECT, ids)
