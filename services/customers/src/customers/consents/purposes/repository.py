"""Every query on purposes and their texts."""

from collections.abc import Mapping, Sequence
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection

_MAX_PURPOSES = 100

_SAVE = """
INSERT INTO consent_purposes AS p (purpose, legal_basis, double_opt_in, channels) VALUES ($1, $2, $3, $4)
ON CONFLICT (purpose) DO UPDATE SET legal_basis = excluded.legal_basis, double_opt_in = excluded.double_opt_in,
    channels = excluded.channels, version = p.version + 1, updated_at = now()
"""
_SAVE_TEXTS = """
INSERT INTO consent_texts (purpose, text_version, texts, sha256) VALUES ($1, $2, $3, $4) ON CONFLICT (purpose, text_version) DO NOTHING
"""
_TEXTS_HASH = "SELECT sha256 FROM consent_texts WHERE purpose = $1 AND text_version = $2"
_SHOW_TEXTS = "UPDATE consent_purposes SET text_version = $2 WHERE purpose = $1"
_PURPOSE = """
SELECT p.purpose, legal_basis, double_opt_in, channels, p.text_version, updated_at,
    coalesce((SELECT jsonb_object_agg(t.text_version, t.texts) FROM consent_texts AS t WHERE t.purpose = p.purpose), '{}') AS texts
FROM consent_purposes AS p
"""
_GET = f"{_PURPOSE} WHERE p.purpose = $1"
_LIST = f"{_PURPOSE} ORDER BY p.purpose LIMIT {_MAX_PURPOSES}"


async def save(connection: Connection, purpose: str, legal_basis: str, channels: Sequence[str], *, double_opt_in: bool) -> None:
    """Add a purpose or change it."""
    await connection.execute(_SAVE, purpose, legal_basis, double_opt_in, channels)


async def save_texts(connection: Connection, purpose: str, version: str, texts: Mapping[str, Any], sha256: str) -> None:
    """Add a version of a purpose's texts; one that is there stays as it is."""
    await connection.execute(_SAVE_TEXTS, purpose, version, dict(texts), sha256)


async def hash_of_texts(connection: Connection, purpose: str, version: str) -> str | None:
    """Return the hash of a version of a purpose's texts."""
    return await connection.fetchval(_TEXTS_HASH, purpose, version)


async def show_texts(connection: Connection, purpose: str, version: str) -> None:
    """Let a version be the one that customers are shown."""
    await connection.execute(_SHOW_TEXTS, purpose, version)


async def get(connection: Connection, purpose: str) -> Record | None:
    """Return a purpose with all versions of its texts."""
    return await connection.fetchrow(_GET, purpose)


async def all_of_them(connection: Connection) -> list[Record]:
    """Return all purposes by name."""
    return await connection.fetch(_LIST)
