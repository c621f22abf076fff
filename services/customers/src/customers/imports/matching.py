"""Finds the customers whom rows speak of."""

from collections.abc import Iterable, Sequence

from asyncpg import Record

from customers.imports.resolving import Holders
from customers.imports.targets import ATTRIBUTES, Key, identity_of
from shared.database.pool import Connection

# One import at a time matches and writes: what one makes, the next one finds. Its statements go by the indexes, whatever the statistics
# of tables say that grow by thousands of rows a second.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('imports:' || current_schema(), 0)), set_config('enable_seqscan', 'off', true)"
_OWN = {
    "external_id": "SELECT external_id AS key, id, root_id FROM customers WHERE external_id = ANY($1::text[]) AND root_id IS NOT NULL",
    "email": "SELECT lower(email) AS key, id, root_id FROM customers WHERE lower(email) = ANY($1::text[]) AND root_id IS NOT NULL",
    "phone": "SELECT phone AS key, id, root_id FROM customers WHERE phone = ANY($1::text[]) AND root_id IS NOT NULL",
}
# Identities beside those of the profile: cards, devices, earlier addresses, ids of other sources; of one source where one is asked for.
_FURTHER = """
SELECT i.value AS key, c.id, c.root_id FROM customer_identities AS i JOIN customers AS c ON c.id = i.customer_id
WHERE i.kind = $2 AND i.value = ANY($1::text[]) AND ($3::text IS NULL OR i.source = $3) AND c.root_id IS NOT NULL
"""
_BY_ATTRIBUTE = """
SELECT t.key, c.id, c.root_id FROM unnest($1::text[]) AS t (key)
JOIN attribute_values AS v ON v.name = $2 AND v.value = t.key::jsonb AND v.is_unique
JOIN customers AS c ON c.id = v.customer_id AND c.root_id IS NOT NULL
"""
_OWNERS = "SELECT external_id, id FROM customers WHERE external_id = ANY($1::text[])"


async def lock(connection: Connection) -> None:
    """Wait until no other import is between matching and its commit."""
    await connection.execute(_LOCK)


async def match(connection: Connection, keys: Iterable[Key]) -> dict[Key, Holders]:
    """Return who has identities; those that nobody has are left out. One or two statements for each identity that rows are matched by."""
    values: dict[str, list[str]] = {}
    for target, value in keys:
        values.setdefault(target, []).append(value)
    found: dict[Key, dict[str, list[str]]] = {}
    for target, asked in values.items():
        for row in await _rows(connection, target, asked):
            found.setdefault((target, row["key"]), {}).setdefault(row["root_id"], []).append(row["id"])
    return dict(found)


async def _rows(connection: Connection, target: str, asked: Sequence[str]) -> list[Record]:
    identity = identity_of(target)
    if identity is not None:
        return await connection.fetch(_FURTHER, asked, *identity)
    if target.startswith(ATTRIBUTES):
        return await connection.fetch(_BY_ATTRIBUTE, asked, target.removeprefix(ATTRIBUTES))
    rows = await connection.fetch(_OWN[target], asked)
    known = {row["key"] for row in rows}
    rest = [value for value in asked if value not in known]
    return [*rows, *(await connection.fetch(_FURTHER, rest, target, None))] if rest else rows


async def owners_of_external_ids(connection: Connection, external_ids: Iterable[str | None]) -> dict[str, str]:
    """Return who has these external ids."""
    wanted = sorted({each for each in external_ids if each is not None})
    return dict(await connection.fetch(_OWNERS, wanted)) if wanted else {}


async def taken_external_ids(connection: Connection, external_ids: Iterable[str | None]) -> set[str]:
    """Return which of these external ids somebody has."""
    return set(await owners_of_external_ids(connection, external_ids))
