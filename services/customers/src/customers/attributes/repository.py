"""Every query on definitions of attributes and on the values that are kept beside the customers."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping, Sequence
from typing import Any

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected, transposed

_SET = ("type", "titles", "options", "limits", "is_required", "is_unique", "is_filterable", "is_personal")
_COLUMNS = f"name, version, {', '.join(_SET)}, created_at, updated_at, archived_at"
_VERSION = "SELECT version, is_strict FROM attribute_settings"
_LIVE = f"SELECT {_COLUMNS} FROM attribute_definitions WHERE archived_at IS NULL ORDER BY name"
_ALL = f"SELECT {_COLUMNS} FROM attribute_definitions WHERE $1 OR archived_at IS NULL ORDER BY name"
_GET = f"SELECT {_COLUMNS} FROM attribute_definitions WHERE name = $1"
_LOCK = f"{_GET} FOR NO KEY UPDATE"
_INSERT = f"""
INSERT INTO attribute_definitions (name, {", ".join(_SET)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (name) DO NOTHING RETURNING {_COLUMNS}
"""
_UPDATE = f"""
UPDATE attribute_definitions
SET titles = $2, options = $3, limits = $4, is_required = $5, is_unique = $6, is_filterable = $7, is_personal = $8, archived_at = $9,
    version = version + 1, updated_at = clock_timestamp()
WHERE name = $1 RETURNING {_COLUMNS}
"""
_ARCHIVE = """
UPDATE attribute_definitions SET archived_at = clock_timestamp(), version = version + 1, updated_at = clock_timestamp() WHERE name = $1
"""
# The trigger that keeps the values reads the definitions under the same lock, shared.
_HOLD_WRITERS = "SELECT pg_advisory_xact_lock(7205107, hashtext(current_schema()))"
_RAISE_VERSION = "UPDATE attribute_settings SET version = version + 1"
_SET_STRICT = "UPDATE attribute_settings SET is_strict = $1, version = version + 1"
_FORGET_VALUES = "DELETE FROM attribute_values WHERE name = $1"
# Records of one customer may share a unique value: the first of them holds it.
_KEEP_VALUES = """
INSERT INTO attribute_values (name, value, customer_id, is_unique)
SELECT DISTINCT ON (c.attributes -> $1, CASE WHEN $2 THEN c.root_id ELSE c.id END) $1, c.attributes -> $1, c.id, $2
FROM customers AS c
WHERE c.attributes <> '{}' AND jsonb_typeof(c.attributes -> $1) IN ('string', 'number', 'boolean')
    AND pg_column_size(c.attributes -> $1) <= 2000
ORDER BY c.attributes -> $1, CASE WHEN $2 THEN c.root_id ELSE c.id END, c.id
"""
_TAKEN = """
SELECT DISTINCT t.place, t.name
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[]) AS t (place, external_id, name, value)
JOIN attribute_values AS v ON v.name = t.name AND v.value = t.value::jsonb AND v.is_unique
JOIN customers AS holder ON holder.id = v.customer_id
LEFT JOIN customers AS own ON own.external_id = t.external_id
WHERE holder.root_id IS DISTINCT FROM own.root_id
ORDER BY t.place, t.name
"""
_ERASE = "DELETE FROM attribute_values WHERE customer_id = ANY($1::text[])"


async def version(connection: Connection) -> tuple[int, bool]:
    """Return the version of all definitions, and whether attributes without one are refused."""
    row = await connection.fetchrow(_VERSION)
    assert row is not None
    return row[0], row[1]


async def live(connection: Connection) -> list[Record]:
    """Return the definitions in force."""
    return await connection.fetch(_LIVE)


async def every(connection: Connection, *, archived: bool) -> list[Record]:
    """Return definitions, those out of force too if asked."""
    return await connection.fetch(_ALL, archived)


async def get(connection: Connection, name: str) -> Record | None:
    """Return a definition."""
    return await connection.fetchrow(_GET, name)


async def lock(connection: Connection, name: str) -> Record | None:
    """Return a definition that nobody else changes until the transaction ends."""
    return await connection.fetchrow(_LOCK, name)


async def hold_writers(connection: Connection) -> None:
    """Wait for those who write values, and let no other begin until the transaction ends."""
    await connection.execute(_HOLD_WRITERS)


async def insert(connection: Connection, values: Mapping[str, Any]) -> Record | None:
    """Add a definition, or return None when its name is taken."""
    return await connection.fetchrow(_INSERT, values["name"], *(values[name] for name in _SET))


async def update(connection: Connection, values: Mapping[str, Any]) -> Record:
    """Replace a locked definition."""
    row = await connection.fetchrow(_UPDATE, values["name"], *(values[name] for name in _SET[1:]), values["archived_at"])
    assert row is not None
    return row


async def archive(connection: Connection, name: str) -> None:
    """Put a locked definition out of force."""
    await connection.execute(_ARCHIVE, name)


async def raise_version(connection: Connection) -> None:
    """Void all caches of the definitions."""
    await connection.execute(_RAISE_VERSION)


async def set_strict(connection: Connection, *, strict: bool) -> None:
    """Refuse attributes without a definition from now on, or take them."""
    await connection.execute(_SET_STRICT, strict)


async def keep_values(connection: Connection, name: str, *, is_unique: bool) -> None:
    """Write down the present values of an attribute; needs `hold_writers`.

    Raises:
        UniqueViolationError: two customers share one that must be unique.
    """
    await connection.execute(_KEEP_VALUES, name, is_unique)


async def forget_values(connection: Connection, name: str) -> None:
    """Drop the values of an attribute that need not be kept any more."""
    await connection.execute(_FORGET_VALUES, name)


async def taken(connection: Connection, rows: Sequence[tuple[int, str | None, str, str]]) -> list[tuple[int, str]]:
    """Return place and name of values that another customer has; each row is place, external id, name and value as JSON."""
    return [tuple(row) for row in await connection.fetch(_TAKEN, *transposed(rows))]


async def erase(connection: Connection, ids: list[str]) -> int:
    """Delete what is kept of customers."""
    return affected(await connection.execute(_ERASE, ids))
