"""Every query on contacts and organisations."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected
from shared.ids import new_id

_OWN = ("name", "email", "phone", "title", "roles", "is_primary", "valid_from", "valid_to")
# The person and the organisation as their customers are now, whatever they were merged into.
_CONTACT = """
SELECT c.id, c.version, c.organisation_id, organisation.name AS organisation_name, c.person_id, coalesce(c.name, person.name) AS name,
       coalesce(c.email, person.email) AS email, coalesce(c.phone, person.phone) AS phone, c.title, c.roles, c.is_primary, c.valid_from,
       c.valid_to, c.created_at, c.updated_at
FROM {contacts} AS c
JOIN customers AS o ON o.id = c.organisation_id JOIN customers AS organisation ON organisation.id = o.root_id
LEFT JOIN customers AS p ON p.id = c.person_id LEFT JOIN customers AS person ON person.id = p.root_id
"""
_GET = _CONTACT.format(contacts="contacts") + "WHERE c.id = $1 AND c.organisation_id = ANY($2::text[])"
_LOCK = "SELECT * FROM contacts WHERE id = $1 AND organisation_id = ANY($2::text[]) FOR NO KEY UPDATE"
# The row of the organisation is held: one contact at a time becomes the first to ask, and nobody is added while it is erased.
_PARTIES = """
SELECT c.id, c.root_id, root.kind FROM customers AS c JOIN customers AS root ON root.id = c.root_id
WHERE c.id = ANY($1::text[]) ORDER BY c.id FOR NO KEY UPDATE OF c
"""
_DEMOTE = """
UPDATE contacts SET is_primary = false, version = version + 1, updated_at = clock_timestamp()
WHERE organisation_id = ANY($1::text[]) AND is_primary AND id <> $2
"""
_INSERT = """
INSERT INTO contacts (id, organisation_id, person_id, name, email, phone, title, roles, is_primary, valid_from, valid_to)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (person_id, organisation_id) DO NOTHING RETURNING id
"""
_UPDATE = """
UPDATE contacts
SET name = $2, email = $3, phone = $4, title = $5, roles = $6, is_primary = $7, valid_from = $8, valid_to = $9, version = version + 1,
    updated_at = clock_timestamp()
WHERE id = $1
"""
_DELETE = "DELETE FROM contacts WHERE id = $1"
# One walk down an index for each record of the family.
_LATERAL = """(
    SELECT n.* FROM unnest($1::text[]) AS record (id) CROSS JOIN LATERAL (
        SELECT * FROM contacts AS n
        WHERE n.{side} = record.id AND (n.created_at, n.id) > ($3::timestamptz, $4::text)
            AND ($5::text IS NULL OR n.roles @> jsonb_build_array($5::text))
            AND ($6::date IS NULL OR (coalesce(n.valid_from <= $6, true) AND coalesce(n.valid_to >= $6, true)))
        ORDER BY n.created_at, n.id LIMIT $2
    ) AS n ORDER BY n.created_at, n.id LIMIT $2
)"""
PAGES = {
    side: _CONTACT.format(contacts=_LATERAL.format(side=side)) + "ORDER BY c.created_at, c.id" for side in ("organisation_id", "person_id")
}
_HOLD_HIERARCHY = "SELECT pg_advisory_xact_lock(7205108, hashtext(current_schema()))"
# Records of one customer are one organisation: from family to family. Merging can close a ring later; it is walked once.
_ANCESTORS = """
WITH RECURSIVE up (root_id, depth, path) AS (
    SELECT root_id, 0, ARRAY[root_id] FROM customers WHERE id = $1
    UNION ALL
    SELECT parent.root_id, up.depth + 1, up.path || parent.root_id
    FROM up
    CROSS JOIN LATERAL (
        SELECT o.parent_id FROM organisations AS o
        WHERE o.parent_id IS NOT NULL AND o.customer_id IN (
            SELECT up.root_id UNION ALL SELECT m.id FROM customers AS m WHERE m.root_id = up.root_id AND m.merged_into IS NOT NULL
        )
        ORDER BY o.customer_id = up.root_id DESC, o.updated_at DESC LIMIT 1
    ) AS own
    JOIN customers AS parent ON parent.id = own.parent_id
    WHERE up.depth < $2 AND parent.root_id <> ALL (up.path)
)
SELECT root_id FROM up ORDER BY depth
"""
_OF_FAMILY = """
SELECT customer_id, channel_kind, parent_id FROM organisations WHERE customer_id = ANY($1::text[])
ORDER BY customer_id = $2 DESC, updated_at DESC
"""
_PUT = """
INSERT INTO organisations (customer_id, channel_kind, parent_id) VALUES ($1, $2, $3)
ON CONFLICT (customer_id) DO UPDATE SET channel_kind = excluded.channel_kind, parent_id = excluded.parent_id,
    version = organisations.version + 1, updated_at = clock_timestamp()
"""
SUBSIDIARIES = """
SELECT c.root_id AS customer_id, root.name, o.channel_kind, o.customer_id AS record_id
FROM unnest($1::text[]) AS record (id) CROSS JOIN LATERAL (
    SELECT customer_id, channel_kind FROM organisations WHERE parent_id = record.id AND customer_id > $2 ORDER BY customer_id LIMIT $3
) AS o
JOIN customers AS c ON c.id = o.customer_id JOIN customers AS root ON root.id = c.root_id
ORDER BY o.customer_id LIMIT $3
"""
_ERASE = (
    "DELETE FROM contacts WHERE organisation_id = ANY($1::text[]) OR person_id = ANY($1::text[])",
    "DELETE FROM organisations WHERE customer_id = ANY($1::text[])",
    "UPDATE organisations SET parent_id = NULL, version = version + 1 WHERE parent_id = ANY($1::text[])",
)
_COLLECT = """
SELECT id, organisation_id, person_id, name, email, phone, title, roles, is_primary, valid_from, valid_to, created_at FROM contacts
WHERE organisation_id = ANY($1::text[]) OR person_id = ANY($1::text[]) ORDER BY created_at, id
"""
_COLLECT_ORGANISATIONS = "SELECT customer_id, channel_kind, parent_id, updated_at FROM organisations WHERE customer_id = ANY($1::text[])"


class Party(NamedTuple):
    """A record, whom it stands for, and what that one is."""

    root_id: str
    kind: str


async def parties(connection: Connection, ids: Sequence[str]) -> dict[str, Party]:
    """Return who records stand for, held until the transaction ends; unknown and erased ones are left out."""
    return {row["id"]: Party(row["root_id"], row["kind"]) for row in await connection.fetch(_PARTIES, ids)}


async def get(connection: Connection, contact_id: str, ids: list[str]) -> Record | None:
    """Return a contact of one of these organisations."""
    return await connection.fetchrow(_GET, contact_id, ids)


async def lock(connection: Connection, contact_id: str, ids: list[str]) -> Record | None:
    """Return a contact's own columns; nobody else changes it until the transaction ends."""
    return await connection.fetchrow(_LOCK, contact_id, ids)


async def demote(connection: Connection, ids: list[str], contact_id: str) -> None:
    """Let no other contact of these organisations be the first to ask."""
    await connection.execute(_DEMOTE, ids, contact_id)


async def insert(connection: Connection, contact_id: str, organisation_id: str, person_id: str | None, values: Mapping[str, Any]) -> bool:
    """Add a contact; False when the person is one already."""
    own = (values[name] for name in _OWN)
    return await connection.fetchval(_INSERT, contact_id, organisation_id, person_id, *own) is not None


async def update(connection: Connection, contact_id: str, values: Mapping[str, Any]) -> None:
    """Change a locked contact."""
    await connection.execute(_UPDATE, contact_id, *(values[name] for name in _OWN))


async def delete(connection: Connection, contact_id: str) -> None:
    """Delete a contact."""
    await connection.execute(_DELETE, contact_id)


async def page(
    connection: Connection, side: str, ids: list[str], after: tuple[Any, ...], limit: int, role: str | None, on: date | None
) -> list[Record]:
    """Return the contacts of records, oldest first, after a sort key.

    Args:
        connection: to read with.
        side: `organisation_id` or `person_id`: which side the records are.
        ids: the records.
        after: the sort key.
        limit: rows at most.
        role: only those with it.
        on: only those who are there on this day.
    """
    return await connection.fetch(PAGES[side], ids, limit, *after, role, on)


async def hold_hierarchy(connection: Connection) -> None:
    """Let nobody else change who belongs to whom until the transaction ends."""
    await connection.execute(_HOLD_HIERARCHY)


async def ancestors(connection: Connection, customer_id: str, limit: int) -> list[str]:
    """Return the organisation itself and all that it belongs to, the nearest first; one more than the limit at most."""
    return [row["root_id"] for row in await connection.fetch(_ANCESTORS, customer_id, limit)]


async def of_family(connection: Connection, ids: list[str], root_id: str) -> list[Record]:
    """Return what records are among organisations, the root's first."""
    return await connection.fetch(_OF_FAMILY, ids, root_id)


async def put(connection: Connection, customer_id: str, channel_kind: str | None, parent_id: str | None) -> None:
    """Set what a record is among organisations."""
    await connection.execute(_PUT, customer_id, channel_kind, parent_id)


async def subsidiaries(connection: Connection, ids: list[str], after: str, limit: int) -> list[Record]:
    """Return the organisations that belong to these records, after a record."""
    return await connection.fetch(SUBSIDIARIES, ids, after, limit)


async def erase(connection: Connection, ids: list[str]) -> tuple[int, int]:
    """Delete the contacts on either side and the organisations of records; return how many of each."""
    contacts, own, _ = [affected(await connection.execute(statement, ids)) for statement in _ERASE]
    return contacts, own


async def collect(connection: Connection, ids: list[str]) -> tuple[list[Record], list[Record]]:
    """Return the contacts on either side and the organisations of records."""
    return await connection.fetch(_COLLECT, ids), await connection.fetch(_COLLECT_ORGANISATIONS, ids)


def new_contact_id() -> str:
    """Return an id for a new contact."""
    return new_id("cnt")
