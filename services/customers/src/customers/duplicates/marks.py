"""Which customers changed since they were last compared with the others; every query on their marks.

A mark is taken in the transaction that keeps what the comparison finds: one that changes meanwhile is marked again after it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.database.pool import Connection
from shared.database.rows import affected

# Nobody who was erased, or is being erased; in one order, so that two never wait for each other in a circle.
_MARK = """
INSERT INTO duplicate_checks (customer_id)
SELECT id FROM customers WHERE id = ANY($1::text[]) AND root_id IS NOT NULL ORDER BY id FOR KEY SHARE
ON CONFLICT (customer_id) DO NOTHING
"""
# Those who wait longest first; what another takes at this moment is left to him.
_TAKE = """
DELETE FROM duplicate_checks WHERE customer_id = ANY (ARRAY(
    SELECT customer_id FROM duplicate_checks ORDER BY marked_at, customer_id LIMIT $1 FOR UPDATE SKIP LOCKED
)) RETURNING customer_id
"""
_ROOTS = "SELECT DISTINCT root_id FROM customers WHERE id = ANY($1::text[]) AND root_id IS NOT NULL ORDER BY root_id"
_COUNT = "SELECT count(*) FROM duplicate_checks"
_ERASE = "DELETE FROM duplicate_checks WHERE customer_id = ANY($1::text[])"
_COLLECT = "SELECT customer_id, marked_at FROM duplicate_checks WHERE customer_id = ANY($1::text[]) ORDER BY customer_id"


async def mark(connection: Connection, ids: Iterable[str]) -> None:
    """Let customers be compared soon; those of whom nobody knows are passed over."""
    await connection.execute(_MARK, sorted(set(ids)))


async def take(connection: Connection, limit: int) -> tuple[list[str], list[str]]:
    """Take marks off, at most so many; return their records, and the customers whom these stand for now."""
    taken = [row["customer_id"] for row in await connection.fetch(_TAKE, limit)]
    roots = await connection.fetch(_ROOTS, taken) if taken else []
    return taken, [row["root_id"] for row in roots]


async def count(connection: Connection) -> int:
    """Return how many records are marked."""
    return await connection.fetchval(_COUNT) or 0


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete the marks of records; return how many."""
    return affected(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the marks of records."""
    return [dict(row) for row in await connection.fetch(_COLLECT, ids)]
