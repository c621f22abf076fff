"""Every query on access exports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.following.sealing import Piece

_COLUMNS = "id, customer_id, customer_ids, public_key, private_key, requested_at, requested_by, expires_at"
_INSERT = f"""
INSERT INTO access_exports (id, customer_id, customer_ids, public_key, private_key, requested_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}
"""  # noqa: S608
_GET = f"SELECT {_COLUMNS} FROM access_exports WHERE id = $1"  # noqa: S608
_PAGE = f"SELECT {_COLUMNS} FROM access_exports ORDER BY requested_at DESC, id DESC LIMIT $1"  # noqa: S608
_PAGE_AFTER = f"""
SELECT {_COLUMNS} FROM access_exports WHERE (requested_at, id) < ($2, $3) ORDER BY requested_at DESC, id DESC LIMIT $1
"""  # noqa: S608
# The lock keeps the export from being deleted before its part is kept.
_OPEN_KEY = "SELECT private_key FROM access_exports WHERE id = $1 AND private_key IS NOT NULL FOR KEY SHARE"
_KEEP = """
INSERT INTO access_export_parts (export_id, service, number, "of", sealed, sha256, provided_at)
SELECT $1, $2, number, "of", sealed, sha256, $7
FROM unnest($3::integer[], $4::integer[], $5::text[], $6::text[]) AS t (number, "of", sealed, sha256)
ON CONFLICT DO NOTHING
"""
_ARRIVED = """
SELECT export_id, service, count(*)::integer AS pieces, max("of") AS of FROM access_export_parts
WHERE export_id = ANY($1::text[]) GROUP BY export_id, service
"""
_PARTS = 'SELECT service, number, "of", sealed, sha256 FROM access_export_parts WHERE export_id = $1 ORDER BY service, number'
_LANGUAGE = "SELECT language FROM customers WHERE id = $1"
_SHRED = """
WITH expired AS (
    UPDATE access_exports SET private_key = NULL WHERE expires_at <= $1 AND private_key IS NOT NULL RETURNING id
)
DELETE FROM access_export_parts AS p USING expired WHERE p.export_id = expired.id
"""
_DELETE_OF = "DELETE FROM access_exports WHERE customer_id = ANY($1::text[])"


async def insert(
    connection: Connection,
    *,
    export_id: str,
    customer_id: str,
    customer_ids: Sequence[str],
    keys: tuple[bytes, str],
    requested_by: str,
    expires_at: datetime,
) -> Record:
    """Add an access export with its private and its public key."""
    private, public = keys
    row = await connection.fetchrow(_INSERT, export_id, customer_id, customer_ids, public, private, requested_by, expires_at)
    assert row is not None
    return row


async def get(connection: Connection, export_id: str) -> Record | None:
    """Return an access export."""
    return await connection.fetchrow(_GET, export_id)


async def page(connection: Connection, after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return access exports, newest first, after a sort key (requested_at, id)."""
    if after is None:
        return await connection.fetch(_PAGE, limit)
    return await connection.fetch(_PAGE_AFTER, limit, *after)


async def open_key(connection: Connection, export_id: str) -> bytes | None:
    """Return the private key of an export that is still open; keeps it until the transaction ends."""
    return await connection.fetchval(_OPEN_KEY, export_id)


async def keep(connection: Connection, export_id: str, service: str, pieces: Sequence[Piece], provided_at: datetime) -> None:
    """Keep pieces of a service; those that came before change nothing."""
    columns = (
        [piece.number for piece in pieces],
        [piece.of for piece in pieces],
        [piece.sealed for piece in pieces],
        [piece.sha256 for piece in pieces],
    )
    await connection.execute(_KEEP, export_id, service, *columns, provided_at)


async def arrived(connection: Connection, export_ids: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return for each export the pieces that came and that are sent, by service."""
    found: dict[str, dict[str, tuple[int, int]]] = {export_id: {} for export_id in export_ids}
    for row in await connection.fetch(_ARRIVED, export_ids):
        found[row["export_id"]][row["service"]] = (row["pieces"], row["of"])
    return found


async def pieces(connection: Connection, export_id: str) -> dict[str, list[Piece]]:
    """Return all pieces of an export in order, by service."""
    found: dict[str, list[Piece]] = {}
    for row in await connection.fetch(_PARTS, export_id):
        found.setdefault(row["service"], []).append(Piece(row["number"], row["of"], row["sealed"], row["sha256"]))
    return found


async def language(connection: Connection, customer_id: str) -> str | None:
    """Return the language of a customer."""
    return await connection.fetchval(_LANGUAGE, customer_id)


async def shred_expired(connection: Connection, now: datetime) -> None:
    """Delete the keys and the pieces of all exports whose time is over."""
    await connection.execute(_SHRED, now)


async def delete_of(connection: Connection, ids: Sequence[str]) -> int:
    """Delete all exports of records; return how many."""
    return affected(await connection.execute(_DELETE_OF, ids))
