"""Every query on exports and their files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection

PIECE_BYTES = 1_048_576
# Files have gigabytes.
_LONG_SECONDS = 600.0

_COLUMNS = "id, job_id, caller, status, format, filter, fields, masked, rows, file_bytes, error_code, created_at, finished_at, expires_at"
_INSERT = f"""
INSERT INTO exports (id, job_id, caller, format, filter, fields, masked, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants of this module
_GET = f"SELECT {_COLUMNS} FROM exports WHERE id = $1"  # noqa: S608
_BEGIN = f"UPDATE exports SET status = 'running' WHERE id = $1 AND status IN ('queued', 'running') RETURNING {_COLUMNS}"  # noqa: S608
_END = "UPDATE exports SET status = $2, rows = $3, file_bytes = $4, error_code = $5, finished_at = clock_timestamp() WHERE id = $1"
_PUT = "INSERT INTO export_files (export_id, number, content) VALUES ($1, $2, $3)"
_PIECE = "SELECT content FROM export_files WHERE export_id = $1 AND number = $2"
_DROP = "DELETE FROM export_files WHERE export_id = $1"
_EXPIRE = """
WITH expired AS (
    UPDATE exports SET status = 'expired', expires_at = NULL
    WHERE id IN (SELECT id FROM exports WHERE expires_at < $1 AND status NOT IN ('queued', 'running') ORDER BY expires_at LIMIT 100)
    RETURNING id
)
DELETE FROM export_files WHERE export_id IN (SELECT id FROM expired)
"""
_EXPIRE_ALL = """
WITH expired AS (
    UPDATE exports SET status = 'expired', expires_at = NULL
    WHERE status IN ('succeeded', 'failed') AND EXISTS (SELECT FROM customers WHERE id = ANY($1::text[]))
    RETURNING id
), dropped AS (
    DELETE FROM export_files WHERE export_id IN (SELECT id FROM expired)
)
SELECT count(*) FROM expired
"""


async def insert(connection: Connection, values: Sequence[Any]) -> Record:
    """Add an export; return its row."""
    row = await connection.fetchrow(_INSERT, *values)
    assert row is not None
    return row


async def get(connection: Connection, export_id: str) -> Record | None:
    """Return an export."""
    return await connection.fetchrow(_GET, export_id)


async def begin(connection: Connection, export_id: str) -> Record | None:
    """Say that an export is at work; what an earlier runner has written of its file goes."""
    await connection.execute(_DROP, export_id, timeout=_LONG_SECONDS)
    return await connection.fetchrow(_BEGIN, export_id)


async def end(connection: Connection, export_id: str, status: str, rows: int, size: int, error_code: str | None = None) -> None:
    """Say how an export ended."""
    await connection.execute(_END, export_id, status, rows, size, error_code)


async def put_piece(connection: Connection, export_id: str, number: int, content: bytes) -> None:
    """Keep a piece of a file."""
    await connection.execute(_PUT, export_id, number, content)


async def piece(connection: Connection, export_id: str, number: int) -> bytes | None:
    """Return a piece of a file, or None behind its end."""
    return await connection.fetchval(_PIECE, export_id, number)


async def expire(connection: Connection, now: datetime) -> None:
    """Delete files whose time is over."""
    await connection.execute(_EXPIRE, now, timeout=_LONG_SECONDS)


async def expire_all(connection: Connection, ids: Sequence[str]) -> int:
    """Delete every file that is complete, if these customers are somebody; return how many."""
    return await connection.fetchval(_EXPIRE_ALL, ids, timeout=_LONG_SECONDS) or 0
