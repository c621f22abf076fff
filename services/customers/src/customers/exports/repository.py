"""Every query on exports and their files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection

PIECE_BYTES = 1_048_576
# Files have gigabytes.
_LONG_SECONDS = 600.0

_COLUMNS = (
    "id, job_id, caller, status, format, filter, fields, masked, runs, rows, file_bytes, error_code, created_at, finished_at, expires_at"
)
_INSERT = f"""
INSERT INTO exports (id, job_id, caller, format, filter, fields, masked, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants of this module
_GET = f"SELECT {_COLUMNS} FROM exports WHERE id = $1"  # noqa: S608
_BEGIN = f"""
UPDATE exports SET status = 'running', runs = runs + 1 WHERE id = $1 AND status IN ('queued', 'running') RETURNING {_COLUMNS}
"""  # noqa: S608
_IS_VOID = "SELECT status = 'queued' FROM exports WHERE id = $1"
_END = """
UPDATE exports SET status = $3, rows = $4, file_bytes = $5, error_code = $6, finished_at = clock_timestamp()
WHERE id = $1 AND runs = $2 AND status = 'running' RETURNING id
"""
# Whoever begins the file anew waits for the lock, and then deletes the piece.
_PUT = """
INSERT INTO export_files (export_id, number, content)
SELECT id, $3, $4 FROM exports WHERE id = $1 AND runs = $2 AND status = 'running' FOR SHARE RETURNING number
"""
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
# A file at work may hold them already: whoever writes it finds it void, and begins anew.
_EXPIRE_ALL = """
WITH expired AS (
    UPDATE exports SET status = CASE status WHEN 'running' THEN 'queued' ELSE 'expired' END, runs = runs + 1,
        expires_at = CASE status WHEN 'running' THEN expires_at END
    WHERE status IN ('running', 'succeeded', 'failed') AND EXISTS (SELECT FROM customers WHERE id = ANY($1::text[]))
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
    """Say that an export is at work; what an earlier runner has written of its file goes, and he writes no more."""
    row = await connection.fetchrow(_BEGIN, export_id)
    await connection.execute(_DROP, export_id, timeout=_LONG_SECONDS)
    return row


async def is_void(connection: Connection, export_id: str) -> bool:
    """Tell whether a file that was at work must be begun anew, and nobody has yet."""
    return bool(await connection.fetchval(_IS_VOID, export_id))


async def end(connection: Connection, export_id: str, run: int, status: str, rows: int, size: int, error_code: str | None = None) -> bool:
    """Say how an export ended; return False when this run is not the one that counts."""
    return await connection.fetchval(_END, export_id, run, status, rows, size, error_code) is not None


async def put_piece(connection: Connection, export_id: str, run: int, number: int, content: bytes) -> bool:
    """Keep a piece of a file; return False when this run is not the one that counts."""
    return await connection.fetchval(_PUT, export_id, run, number, content) is not None


async def piece(connection: Connection, export_id: str, number: int) -> bytes | None:
    """Return a piece of a file, or None behind its end."""
    return await connection.fetchval(_PIECE, export_id, number)


async def expire(connection: Connection, now: datetime) -> None:
    """Delete files whose time is over."""
    await connection.execute(_EXPIRE, now, timeout=_LONG_SECONDS)


async def expire_all(connection: Connection, ids: Sequence[str]) -> int:
    """Delete every file and have those at work begun anew, if these customers are somebody; return how many."""
    return await connection.fetchval(_EXPIRE_ALL, ids, timeout=_LONG_SECONDS) or 0
