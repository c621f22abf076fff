"""Queries on keys; the chassis writes them (`shared.http.access_events`)."""

from typing import Any

from asyncpg import Record

from shared.database.pool import Connection

_KEY = "SELECT key_id AS id, name, scopes, issued_at, expires_at, revoked_at FROM access_keys"
_GET = f"{_KEY} WHERE key_id = $1"
# A company has tens of keys: no index serves this order.
_PAGE = f"{_KEY} ORDER BY issued_at DESC, key_id DESC LIMIT $1"
_PAGE_AFTER = f"{_KEY} WHERE (issued_at, key_id) < ($2, $3) ORDER BY issued_at DESC, key_id DESC LIMIT $1"
_PUBLIC_KEYS = "SELECT jwk FROM signing_keys ORDER BY published_at DESC, kid"


async def get(connection: Connection, key_id: str) -> Record | None:
    """Return a key."""
    return await connection.fetchrow(_GET, key_id)


async def page(connection: Connection, after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return keys, newest first, after a sort key (issued_at, id)."""
    if after is None:
        return await connection.fetch(_PAGE, limit)
    return await connection.fetch(_PAGE_AFTER, limit, *after)


async def public_keys(connection: Connection) -> list[dict[str, Any]]:
    """Return the public keys of tokens, newest first."""
    return [row["jwk"] for row in await connection.fetch(_PUBLIC_KEYS)]
