"""Every query on identities and their rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from customers.identities.rules import Identity, IdentityKind
from shared.database.pool import Connection
from shared.database.rows import affected
from shared.ids import new_id

# Each way to have an identity is a look-up by index; one more than a rule may ever allow tells that it is too many.
_HOLDERS = """
SELECT asked.n, array_agg(DISTINCT found.root_id) AS roots
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS asked (n, kind, value, source)
CROSS JOIN LATERAL (
    (SELECT root_id FROM customers WHERE asked.kind = 'email' AND lower(email) = asked.value LIMIT $5)
    UNION ALL (SELECT root_id FROM customers WHERE asked.kind = 'phone' AND phone = asked.value LIMIT $5)
    UNION ALL (SELECT root_id FROM customers WHERE asked.kind = 'external_id' AND asked.source = '' AND external_id = asked.value)
    UNION ALL (
        SELECT c.root_id FROM customer_identities AS i JOIN customers AS c ON c.id = i.customer_id
        WHERE i.kind = asked.kind AND i.value = asked.value AND (asked.source = '' OR i.source = asked.source) LIMIT $5
    )
) AS found
WHERE found.root_id IS NOT NULL
GROUP BY asked.n
"""
# What the profiles of records hold, since when and until when by their change sets; then what was added to them.
_OF_RECORDS = """
SELECT 'profile.' || p.kind AS id, c.id AS customer_id, p.kind, p.value, '' AS source,
    coalesce(seen.first_at, c.created_at) AS first_seen_at, coalesce(seen.last_at, c.updated_at) AS last_seen_at
FROM customers AS c
CROSS JOIN LATERAL (VALUES ('email', c.email, lower(c.email)), ('phone', c.phone, c.phone), ('external_id', c.external_id, c.external_id))
    AS p (kind, told, value)
CROSS JOIN LATERAL (
    SELECT min(coalesce(h.observed_at, h.recorded_at)) AS first_at, max(coalesce(h.observed_at, h.recorded_at)) AS last_at
    FROM profile_changes AS h
    WHERE h.customer_id = c.id AND h.fields ->> p.kind = p.told AND h.withdraws IS NULL
        AND NOT EXISTS (SELECT FROM profile_changes AS w WHERE w.customer_id = c.id AND w.withdraws = h.cause)
) AS seen
WHERE c.id = ANY($1::text[]) AND p.value IS NOT NULL
UNION ALL
SELECT id, customer_id, kind, value, source, first_seen_at, last_seen_at FROM customer_identities WHERE customer_id = ANY($1::text[])
ORDER BY first_seen_at, id
"""
_ADD = """
INSERT INTO customer_identities (id, customer_id, kind, value, source, first_seen_at, last_seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (customer_id, kind, value, source) DO UPDATE SET
    first_seen_at = least(customer_identities.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(customer_identities.last_seen_at, excluded.last_seen_at),
    told_by = NULL
RETURNING id, customer_id, kind, value, source, first_seen_at, last_seen_at
"""
_ADD_SHARED = """
INSERT INTO customer_identities (id, customer_id, kind, value, source, first_seen_at, last_seen_at)
SELECT $1, $2, $3, $4, $5, $6, $6
WHERE (SELECT count(*) FROM (SELECT FROM customer_identities WHERE kind = $3 AND value = $4 AND source = $5 LIMIT $7) AS held) < $7
ON CONFLICT (customer_id, kind, value, source) DO UPDATE SET told_by = NULL WHERE customer_identities.told_by IS NOT NULL
RETURNING id
"""
# Whoever adds to a family waits for the other, so that a limit holds.
_LOCK = "SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE"
_COUNT = """
SELECT count(DISTINCT value) FROM customer_identities
WHERE customer_id = ANY($1::text[]) AND kind = $2 AND value <> $3 AND ($4::timestamptz IS NULL OR first_seen_at > $4)
"""
_REMOVE = "DELETE FROM customer_identities WHERE id = $1 AND customer_id = ANY($2::text[]) RETURNING customer_id"
_ERASE = "DELETE FROM customer_identities WHERE customer_id = ANY($1::text[])"
_COLLECT = """
SELECT kind, value, source, first_seen_at, last_seen_at FROM customer_identities WHERE customer_id = ANY($1::text[]) ORDER BY id
"""
_RULES = "SELECT version, rules FROM identity_rules"
_SET_RULES = """
INSERT INTO identity_rules (version, rules) VALUES ($1 + 1, $2)
ON CONFLICT (id) DO UPDATE SET version = identity_rules.version + 1, rules = excluded.rules, changed_at = now()
WHERE identity_rules.version = $1
RETURNING version
"""


class Kept(NamedTuple):
    """An identity of a record."""

    id: str
    customer_id: str
    identity: Identity
    first_seen_at: datetime
    last_seen_at: datetime


async def holders(connection: Connection, identities: Sequence[Identity], limit: int) -> list[frozenset[str]]:
    """Return who has each identity: the roots of the records' families, about as many as the limit at most."""
    numbers = list(range(len(identities)))
    columns = ([each.kind for each in identities], [each.value for each in identities], [each.source for each in identities])
    rows = {row["n"]: frozenset(row["roots"]) for row in await connection.fetch(_HOLDERS, numbers, *columns, limit)}
    return [rows.get(number, frozenset()) for number in numbers]


async def of_records(connection: Connection, ids: Sequence[str]) -> list[Kept]:
    """Return the identities of records, those of their profiles included, by when they were first seen."""
    return [_kept(row) for row in await connection.fetch(_OF_RECORDS, ids)]


async def lock(connection: Connection, root_id: str) -> None:
    """Let nobody else add to a family until the transaction ends."""
    await connection.execute(_LOCK, root_id)


async def count_others(connection: Connection, ids: Sequence[str], identity: Identity, since: datetime | None) -> int:
    """Return how many other values of its kind were first seen with a family since a moment."""
    return await connection.fetchval(_COUNT, ids, identity.kind, identity.value, since) or 0


async def add(connection: Connection, customer_id: str, identity: Identity, seen_at: datetime) -> tuple[Kept, bool]:
    """Give a record an identity, or note that it was seen again; return it and whether it is new."""
    identity_id = new_id("idn")
    [row] = await connection.fetch(_ADD, identity_id, customer_id, identity.kind, identity.value, identity.source, seen_at)
    return _kept(row), row["id"] == identity_id


async def add_shared(connection: Connection, customer_id: str, identity: Identity, seen_at: datetime, most: int) -> bool:
    """Give a record an identity that fewer than so many have; return whether it is new."""
    identity_id = new_id("idn")
    values = (identity_id, customer_id, identity.kind, identity.value, identity.source, seen_at, most)
    return await connection.fetchval(_ADD_SHARED, *values) == identity_id


async def remove(connection: Connection, identity_id: str, ids: Sequence[str]) -> str | None:
    """Take an identity from a family; return the record that had it, or None."""
    return await connection.fetchval(_REMOVE, identity_id, ids)


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete all added identities of records; return how many."""
    status = await connection.execute(_ERASE, ids)
    return affected(status)


async def collect(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return all added identities of records."""
    return [dict(row) for row in await connection.fetch(_COLLECT, ids)]


async def rules(connection: Connection) -> tuple[int, dict[str, Any]] | None:
    """Return the version and the document of the rules, or None while nobody has changed them."""
    row = await connection.fetchrow(_RULES)
    return row and (row["version"], row["rules"])


async def set_rules(connection: Connection, version: int, document: dict[str, Any]) -> int | None:
    """Replace a version of the rules; return the new one, or None when it was not the present one."""
    return await connection.fetchval(_SET_RULES, version, document)


def _kept(row: Record) -> Kept:
    kind: IdentityKind = row["kind"]
    return Kept(row["id"], row["customer_id"], Identity(kind, row["value"], row["source"]), row["first_seen_at"], row["last_seen_at"])
