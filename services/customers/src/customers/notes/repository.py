"""Every query on notes."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from datetime import datetime
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.ids import new_id

_COLUMNS = "id, version, customer_id, author, text, is_pinned, created_at, updated_at"
# Held against an erasure: nothing is written about who is being forgotten.
_INSERT = f"""
WITH about AS (SELECT id FROM customers WHERE id = $2 AND root_id IS NOT NULL FOR SHARE)
INSERT INTO notes (id, customer_id, author, text, is_pinned) SELECT $1, id, $3, $4, $5 FROM about
RETURNING {_COLUMNS}
"""
_GET = f"SELECT {_COLUMNS} FROM notes WHERE id = $1 AND customer_id = ANY($2::text[])"
_LOCK = f"{_GET} FOR NO KEY UPDATE"
_UPDATE = f"""
UPDATE notes SET text = $2, is_pinned = $3, version = version + 1, updated_at = clock_timestamp() WHERE id = $1 RETURNING {_COLUMNS}
"""
_DELETE = "DELETE FROM notes WHERE id = $1"
# One walk down the index for each record of the family, whatever else there is.
_PAGE = f"""
SELECT n.* FROM unnest($1::text[]) AS record (id) CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM notes WHERE customer_id = record.id {{conditions}} ORDER BY created_at DESC, id DESC LIMIT $2
) AS n
ORDER BY created_at DESC, id DESC LIMIT $2
"""
_BEYOND = "AND (created_at, id) < ($3, $4)"
# By whether only the pinned ones are wanted, and whether it is a page after another.
PAGES = {
    (False, False): _PAGE.format(conditions=""),
    (False, True): _PAGE.format(conditions=_BEYOND),
    (True, False): _PAGE.format(conditions="AND is_pinned"),
    (True, True): _PAGE.format(conditions=f"AND is_pinned {_BEYOND}"),
}
_ERASE = "DELETE FROM notes WHERE customer_id = ANY($1::text[])"
_COLLECT = f"SELECT {_COLUMNS} FROM notes WHERE customer_id = ANY($1::text[]) ORDER BY created_at, id"


async def insert(connection: Connection, customer_id: str, author: str, text: str, *, pinned: bool) -> Record | None:
    """Add a note, or return None when there is no such customer."""
    return await connection.fetchrow(_INSERT, new_id("not"), customer_id, author, text, pinned)


async def get(connection: Connection, note_id: str, ids: list[str]) -> Record | None:
    """Return a note on one of these records."""
    return await connection.fetchrow(_GET, note_id, ids)


async def lock(connection: Connection, note_id: str, ids: list[str]) -> Record | None:
    """Return a note on one of these records that nobody else changes until the transaction ends."""
    return await connection.fetchrow(_LOCK, note_id, ids)


async def update(connection: Connection, note_id: str, text: str, *, pinned: bool) -> Record:
    """Change a locked note."""
    row = await connection.fetchrow(_UPDATE, note_id, text, pinned)
    assert row is not None
    return row


async def delete(connection: Connection, note_id: str) -> None:
    """Delete a note."""
    await connection.execute(_DELETE, note_id)


async def page(
    connection: Connection, ids: list[str], after: tuple[datetime, str] | tuple[Any, ...] | None, limit: int, *, pinned: bool
) -> list[Record]:
    """Return the notes on these records, newest first, after a sort key; only the pinned ones if asked."""
    return await connection.fetch(PAGES[pinned, after is not None], ids, limit, *(after or ()))


async def erase(connection: Connection, ids: list[str]) -> int:
    """Delete the notes on these records; return how many."""
    return affected(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: list[str]) -> list[Record]:
    """Return all notes on these records."""
    return await connection.fetch(_COLLECT, ids)
