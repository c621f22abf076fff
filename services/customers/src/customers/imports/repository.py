"""Every query on imports, their files and their errors."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.imports.validation import Refusal
from shared.database.pool import Connection
from shared.database.rows import transposed

# All pieces of a file have this size but the last.
PIECE_BYTES = 1_048_576
# Files have gigabytes, and lists of errors millions of rows.
_LONG_SECONDS = 600.0

_COLUMNS = """id, job_id, caller, status, dry_run, source, match, mode, reading, file_bytes, position, next_row, rows_read, created,
    updated, unchanged, merged, refused, samples, matched, preview, undone_to, removed,
    restored, kept, error_code, created_at, finished_at, expires_at"""

_INSERT = f"""
INSERT INTO imports (id, job_id, caller, dry_run, source, match, mode, reading, file_bytes, file_sha256, position, next_row, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants of this module
_GET = f"SELECT {_COLUMNS} FROM imports WHERE id = $1"  # noqa: S608
_LOCK = f"{_GET} FOR UPDATE"
_PAGE = f"SELECT {_COLUMNS} FROM imports ORDER BY created_at DESC, id DESC LIMIT $1"  # noqa: S608
_PAGE_AFTER = f"SELECT {_COLUMNS} FROM imports WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3"  # noqa: S608
_SET_STATUS = """
UPDATE imports SET status = $2, error_code = $3,
    finished_at = CASE WHEN $2 IN ('succeeded', 'failed', 'cancelled', 'undone', 'previewed') THEN clock_timestamp() END
WHERE id = $1
"""
_SET_JOB = "UPDATE imports SET job_id = $2 WHERE id = $1"
# Whoever has fallen behind finds another position and writes nothing.
_ADVANCE = """
UPDATE imports SET position = $3, next_row = $4, rows_read = rows_read + $5, created = created + $6, updated = updated + $7,
    unchanged = unchanged + $8, merged = merged + $9, refused = refused + $10, samples = $11, matched = $12
WHERE id = $1 AND position = $2
RETURNING rows_read
"""
_RESTART = f"""
UPDATE imports SET status = 'queued', dry_run = false, job_id = $2, position = $3, next_row = $4, finished_at = NULL,
    preview = jsonb_build_object('rows_read', rows_read, 'created', created, 'updated', updated, 'unchanged', unchanged,
                                 'merged', merged, 'refused', refused),
    rows_read = 0, created = 0, updated = 0, unchanged = 0, merged = 0, refused = 0, samples = '{{}}', matched = '{{}}'
WHERE id = $1
RETURNING {_COLUMNS}
"""  # noqa: S608
_PUT_PIECE = "INSERT INTO import_files (import_id, number, content) VALUES ($1, $2, $3)"
_PIECES = "SELECT content FROM import_files WHERE import_id = $1 AND number BETWEEN $2 AND $3 ORDER BY number"
_DROP_FILE = "DELETE FROM import_files WHERE import_id = $1"
_DROP_KEYS = "DELETE FROM import_keys WHERE import_id = $1"
_DROP_ERRORS = "DELETE FROM import_errors WHERE import_id = $1"
_MET_KEYS = "SELECT key, owner FROM import_keys WHERE import_id = $1 AND key = ANY($2::bigint[])"
_MEET_KEYS = """
INSERT INTO import_keys (import_id, key, owner) SELECT $1, key, owner FROM unnest($2::bigint[], $3::text[]) AS t (key, owner)
ON CONFLICT DO NOTHING
"""
_HAVE_HEARD = "SELECT DISTINCT customer_id FROM profile_changes WHERE cause = $1 AND customer_id = ANY($2::text[])"
_ADD_ERRORS = """
INSERT INTO import_errors (import_id, row, place, pointer, code, detail)
SELECT $1, * FROM unnest($2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[])
"""
_ERRORS = """
SELECT row, place, pointer, code, detail FROM import_errors WHERE import_id = $1 AND (row, place) > ($2, $3) ORDER BY row, place LIMIT $4
"""
_EXPIRED = (
    "SELECT id FROM imports WHERE expires_at < $1 AND status NOT IN ('running', 'previewing', 'undoing') ORDER BY expires_at LIMIT 100"
)
_FORGET_EXPIRY = "UPDATE imports SET expires_at = NULL WHERE id = $1"
# Uploads that ended without an import.
_ORPHANS = """
SELECT DISTINCT import_id FROM import_files AS f
WHERE received_at < $1 AND NOT EXISTS (SELECT FROM imports AS i WHERE i.id = f.import_id) LIMIT 100
"""
# Nobody's erasure, which follows the undoing of an import, harms no file.
_WAITING_FILES = """
SELECT id FROM imports WHERE status = 'previewed' AND EXISTS (SELECT FROM customers WHERE id = ANY($1::text[])) ORDER BY id FOR UPDATE
"""
_TOLD_OF = """
SELECT c.customer_id, i.id AS import_id, i.source, c.recorded_at
FROM profile_changes AS c JOIN imports AS i ON i.id = c.cause WHERE c.customer_id = ANY($1::text[]) ORDER BY c.number
"""


async def insert(connection: Connection, values: Sequence[Any]) -> Record:
    """Add an import; return its row."""
    row = await connection.fetchrow(_INSERT, *values)
    assert row is not None
    return row


async def get(connection: Connection, import_id: str) -> Record | None:
    """Return an import."""
    return await connection.fetchrow(_GET, import_id)


async def lock(connection: Connection, import_id: str) -> Record | None:
    """Return an import that nobody else changes until the transaction ends."""
    return await connection.fetchrow(_LOCK, import_id)


async def page(connection: Connection, after: tuple[datetime, str] | None, limit: int) -> list[Record]:
    """Return imports, newest first."""
    if after is None:
        return await connection.fetch(_PAGE, limit)
    return await connection.fetch(_PAGE_AFTER, *after, limit)


async def set_status(connection: Connection, import_id: str, status: str, error_code: str | None = None) -> None:
    """Say where an import stands."""
    await connection.execute(_SET_STATUS, import_id, status, error_code)


async def set_job(connection: Connection, import_id: str, job_id: str) -> None:
    """Say which job works on an import."""
    await connection.execute(_SET_JOB, import_id, job_id)


async def advance(
    connection: Connection,
    import_id: str,
    position: int,
    to: tuple[int, int],
    counts: Sequence[int],
    samples: Mapping[str, Any],
    matched: Mapping[str, int],
) -> int | None:
    """Move an import on; return its rows so far, or None when another runner has moved it.

    Args:
        connection: of the transaction that wrote the rows.
        import_id: the import.
        position: where the rows began.
        to: position and row number behind them.
        counts: read, created, updated, unchanged, merged, refused.
        samples: of the whole import so far.
        matched: rows of the whole import so far by the identities that they were recognised by.
    """
    return await connection.fetchval(_ADVANCE, import_id, position, *to, *counts, samples, matched)


async def restart(connection: Connection, import_id: str, job_id: str, position: int, next_row: int) -> Record:
    """Begin in earnest what was previewed."""
    row = await connection.fetchrow(_RESTART, import_id, job_id, position, next_row)
    assert row is not None
    return row


async def put_piece(connection: Connection, import_id: str, number: int, content: bytes) -> None:
    """Keep a piece of a file."""
    await connection.execute(_PUT_PIECE, import_id, number, content)


async def read_file(connection: Connection, import_id: str, position: int, length: int) -> bytes:
    """Return bytes of a file; fewer at its end, none when it is gone."""
    first = position // PIECE_BYTES
    rows = await connection.fetch(_PIECES, import_id, first, (position + length - 1) // PIECE_BYTES)
    begin = position - first * PIECE_BYTES
    return b"".join(row["content"] for row in rows)[begin : begin + length]


async def drop_file(connection: Connection, import_id: str) -> None:
    """Delete a file, and what its dry run remembers."""
    await connection.execute(_DROP_FILE, import_id, timeout=_LONG_SECONDS)
    await drop_keys(connection, import_id)


async def drop_keys(connection: Connection, import_id: str) -> None:
    """Forget what a dry run remembers."""
    await connection.execute(_DROP_KEYS, import_id, timeout=_LONG_SECONDS)


async def drop_errors(connection: Connection, import_id: str) -> None:
    """Delete what was wrong with a file's rows."""
    await connection.execute(_DROP_ERRORS, import_id, timeout=_LONG_SECONDS)


async def meet_keys(connection: Connection, import_id: str, owners: Mapping[int, str]) -> None:
    """Remember in a dry run of whom the import would have told something, by hashes of his identities."""
    if owners:
        await connection.execute(_MEET_KEYS, import_id, *transposed(sorted(owners.items())))


async def met_keys(connection: Connection, import_id: str, keys: Sequence[int]) -> dict[int, str]:
    """Return those hashes that a dry run remembers, and whose they are."""
    return {row["key"]: row["owner"] for row in await connection.fetch(_MET_KEYS, import_id, keys)} if keys else {}


async def have_heard(connection: Connection, import_id: str, ids: Sequence[str]) -> set[str]:
    """Return the records that the import has told something of."""
    return {row["customer_id"] for row in await connection.fetch(_HAVE_HEARD, import_id, ids)} if ids else set()


async def add_errors(connection: Connection, import_id: str, refusals: Sequence[Refusal]) -> None:
    """Keep what is wrong with rows."""
    if not refusals:
        return
    places: dict[int, int] = {}
    rows = []
    for refusal in refusals:
        places[refusal.row] = places.get(refusal.row, -1) + 1
        rows.append((refusal.row, places[refusal.row], refusal.pointer, refusal.code, refusal.detail))
    await connection.execute(_ADD_ERRORS, import_id, *transposed(rows))


async def errors(connection: Connection, import_id: str, after: tuple[int, int], limit: int) -> list[Record]:
    """Return what is wrong with rows, in their order."""
    return await connection.fetch(_ERRORS, import_id, *after, limit)


async def expired(connection: Connection, now: datetime) -> list[str]:
    """Return imports whose file and errors have outlived their time."""
    return [row["id"] for row in await connection.fetch(_EXPIRED, now)]


async def forget_expiry(connection: Connection, import_id: str) -> None:
    """Note that there is nothing left to delete."""
    await connection.execute(_FORGET_EXPIRY, import_id)


async def orphans(connection: Connection, received_before: datetime) -> list[str]:
    """Return uploads that never became an import."""
    return [row["import_id"] for row in await connection.fetch(_ORPHANS, received_before)]


async def waiting_files(connection: Connection, ids: Sequence[str]) -> list[str]:
    """Return imports that were previewed and not applied, if these customers are somebody."""
    return [row["id"] for row in await connection.fetch(_WAITING_FILES, ids)]


async def told_of(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return which imports have told something of customers, and when."""
    return await connection.fetch(_TOLD_OF, ids)
