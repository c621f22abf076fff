"""Every query on erasures, receipts and suppressed identities."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.privacy.erasures.rules import Kept
from shared.database.pool import Connection
from shared.database.rows import transposed

_COLUMNS = "id, customer_id, customer_ids, reason, reimport, requested_at, requested_by, certificate, completed_at"
# In one order, so that two erasures never wait for each other in a circle.
_LOCK_RECORDS = "SELECT id FROM customers WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE"
_INSERT = f"""
INSERT INTO erasures (id, customer_id, customer_ids, reason, reimport, requested_by) VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}
"""  # noqa: S608
_GET = f"SELECT {_COLUMNS} FROM erasures WHERE id = $1"  # noqa: S608
_LOCK = f"{_GET} FOR UPDATE"
_PAGE = f"SELECT {_COLUMNS} FROM erasures ORDER BY requested_at DESC, id DESC LIMIT $1"  # noqa: S608
_PAGE_AFTER = f"""
SELECT {_COLUMNS} FROM erasures WHERE (requested_at, id) < ($2, $3) ORDER BY requested_at DESC, id DESC LIMIT $1
"""  # noqa: S608
_RECEIPTS = (
    "SELECT erasure_id, service, receipt, kid, erased, erased_at FROM erasure_receipts WHERE erasure_id = ANY($1::text[]) ORDER BY service"
)
_KEEP_RECEIPT = """
INSERT INTO erasure_receipts (erasure_id, service, receipt, kid, erased, erased_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_PIN = "INSERT INTO pinned_keys (service, kid, jwk) VALUES ($1, $2, $3) ON CONFLICT (service) DO NOTHING"
_PINNED = "SELECT service, kid, jwk FROM pinned_keys"
_COMPLETE = "UPDATE erasures SET certificate = $2, completed_at = $3 WHERE id = $1"
_NOW = "SELECT now()"

# Everything by which a record could come back, past values and those of other slices included. Devices are shared by many.
_IDENTITIES = """
SELECT 'email' AS kind, email AS value FROM customers WHERE id = ANY($1::text[])
UNION SELECT 'phone', phone FROM customers WHERE id = ANY($1::text[])
UNION SELECT 'external_id', external_id FROM customers WHERE id = ANY($1::text[])
UNION SELECT kind, fields ->> kind FROM profile_changes, unnest(ARRAY['email', 'phone', 'external_id']) AS kind
    WHERE customer_id = ANY($1::text[]) AND fields ? kind
UNION SELECT CASE source WHEN '' THEN kind ELSE kind || '/' || source END, value FROM customer_identities
    WHERE customer_id = ANY($1::text[]) AND kind <> 'device'
"""
_SUPPRESS = f"""
INSERT INTO suppressions (digest, erasure_id)
SELECT DISTINCT identity_digest(kind, value), $2 FROM ({_IDENTITIES}) AS theirs WHERE value <> ''
ON CONFLICT (digest) DO NOTHING
"""  # noqa: S608
_SUPPRESSED = """
SELECT DISTINCT t.place FROM unnest($1::bigint[], $2::text[], $3::text[]) AS t (place, kind, value)
JOIN suppressions AS s ON s.digest = identity_digest(t.kind, t.value)
"""
_ANY_SUPPRESSED = "SELECT EXISTS (SELECT FROM suppressions)"


async def lock_records(connection: Connection, ids: Sequence[str]) -> None:
    """Keep everybody from writing for records until the transaction ends."""
    await connection.execute(_LOCK_RECORDS, ids)


async def insert(
    connection: Connection, erasure_id: str, customer_id: str, ids: Sequence[str], reason: str, reimport: str, requested_by: str
) -> Record:
    """Add an erasure."""
    row = await connection.fetchrow(_INSERT, erasure_id, customer_id, ids, reason, reimport, requested_by)
    assert row is not None
    return row


async def get(connection: Connection, erasure_id: str) -> Record | None:
    """Return an erasure."""
    return await connection.fetchrow(_GET, erasure_id)


async def lock(connection: Connection, erasure_id: str) -> Record | None:
    """Return an erasure that nobody else completes until the transaction ends."""
    return await connection.fetchrow(_LOCK, erasure_id)


async def page(connection: Connection, after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return erasures, newest first, after a sort key (requested_at, id)."""
    if after is None:
        return await connection.fetch(_PAGE, limit)
    return await connection.fetch(_PAGE_AFTER, limit, *after)


async def receipts(connection: Connection, erasure_ids: Sequence[str]) -> dict[str, list[Record]]:
    """Return the receipts of erasures, by service."""
    found: dict[str, list[Record]] = {erasure_id: [] for erasure_id in erasure_ids}
    for row in await connection.fetch(_RECEIPTS, erasure_ids):
        found[row["erasure_id"]].append(row)
    return found


async def keep_receipt(connection: Connection, erasure_id: str, kept: Kept, erased: Mapping[str, int], erased_at: datetime) -> None:
    """Keep a receipt; one of a service that answered before changes nothing."""
    await connection.execute(_KEEP_RECEIPT, erasure_id, kept.service, kept.receipt, kept.kid, dict(erased), erased_at)


async def pin(connection: Connection, service: str, kid: str, jwk: Mapping[str, Any]) -> None:
    """Remember the key of a service when none is remembered."""
    await connection.execute(_PIN, service, kid, dict(jwk))


async def pinned(connection: Connection) -> dict[str, Record]:
    """Return the remembered key of each service."""
    return {row["service"]: row for row in await connection.fetch(_PINNED)}


async def complete(connection: Connection, erasure_id: str, certificate: str, completed_at: datetime) -> None:
    """Give an erasure its certificate."""
    await connection.execute(_COMPLETE, erasure_id, certificate, completed_at)


async def now(connection: Connection) -> datetime:
    """Return the moment of the transaction."""
    at = await connection.fetchval(_NOW)
    assert at is not None
    return at


async def suppress(connection: Connection, ids: Sequence[str], erasure_id: str) -> None:
    """Remember, as digests, every identity of records."""
    await connection.execute(_SUPPRESS, ids, erasure_id)


async def any_suppressed(connection: Connection) -> bool:
    """Return whether any identity may not come back."""
    return bool(await connection.fetchval(_ANY_SUPPRESSED))


async def suppressed(connection: Connection, identities: Sequence[tuple[int, str, str]]) -> set[int]:
    """Return the places of those identities that may not come back.

    Args:
        connection: to read with.
        identities: place, kind and value of each.
    """
    columns = transposed(identities, 3)
    return {row["place"] for row in await connection.fetch(_SUPPRESSED, *columns)}
