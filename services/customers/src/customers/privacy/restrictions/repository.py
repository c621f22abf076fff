"""Every query on restrictions."""

from collections.abc import Sequence

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected

# The lock keeps an erasure from ending between this look and the write.
_KNOWN = "SELECT id FROM customers WHERE id = $1 AND root_id IS NOT NULL FOR KEY SHARE"
_COLUMNS = "customer_id, version, restricted, reason, changed_at"
_SET = f"""
INSERT INTO restrictions AS r (customer_id, restricted, reason, actor) VALUES ($1, true, $2, $3)
ON CONFLICT (customer_id) DO UPDATE SET version = r.version + 1, restricted = true, reason = excluded.reason, actor = excluded.actor,
    changed_at = now()
RETURNING {_COLUMNS}
"""  # noqa: S608
_LIFT = """
UPDATE restrictions SET version = version + 1, restricted = false, actor = $2, changed_at = now()
WHERE customer_id = ANY($1::text[]) AND restricted RETURNING customer_id, version, changed_at
"""
_OF = f"SELECT {_COLUMNS} FROM restrictions WHERE customer_id = ANY($1::text[]) ORDER BY restricted DESC, changed_at DESC"  # noqa: S608
_ERASE = "DELETE FROM restrictions WHERE customer_id = ANY($1::text[])"


async def is_known(connection: Connection, customer_id: str) -> bool:
    """Return whether there is such a customer; keeps him from being erased meanwhile."""
    return await connection.fetchval(_KNOWN, customer_id) is not None


async def restrict(connection: Connection, customer_id: str, reason: str, actor: str) -> Record:
    """Restrict the processing of a record."""
    row = await connection.fetchrow(_SET, customer_id, reason, actor)
    assert row is not None
    return row


async def lift(connection: Connection, ids: Sequence[str], actor: str) -> list[Record]:
    """Lift the restrictions of records; return those that were lifted."""
    return await connection.fetch(_LIFT, ids, actor)


async def of(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return the restrictions of records, past ones last."""
    return await connection.fetch(_OF, ids)


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete the restrictions of records; return how many."""
    return affected(await connection.execute(_ERASE, ids))
