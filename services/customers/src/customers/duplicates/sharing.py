"""Which customers use one device, card or account: told to other services, for they need not be one person, but may not be strangers.

What is kept is of the records that were seen with an identity, whomever they are merged into. A value that nobody trusts any more,
because too many have it, is still one that they share; of one that very many have, such as a till's, nothing is told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from customers.duplicates.rules import pair
from customers.identities.rules import MAX_SHARERS, SHARED_KINDS
from shared.contracts.customers import IdentitySharingChanged
from shared.database.pool import Connection
from shared.database.rows import affected, transposed
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id

# Who reads what is shared writes it before the next one reads, so that nobody writes what has passed.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('identity_sharings:' || current_schema(), 0))"
# Of an identity that very many have, none comes back.
_SHARED = """
SELECT own.customer_id, other.id AS other_id, own.kind
FROM customer_identities AS own
CROSS JOIN LATERAL (
    SELECT array_agg(found.customer_id) AS ids FROM (
        SELECT DISTINCT i.customer_id FROM customer_identities AS i
        WHERE i.kind = own.kind AND i.value = own.value AND i.source = own.source AND i.customer_id <> own.customer_id LIMIT $3
    ) AS found
) AS others
CROSS JOIN LATERAL unnest(others.ids) AS other (id)
WHERE own.customer_id = ANY($1::text[]) AND own.kind = ANY($2::text[]) AND cardinality(others.ids) < $3
"""
_KNOWN = """
SELECT first_id, second_id FROM identity_sharings
WHERE (first_id = ANY($1::text[]) OR second_id = ANY($1::text[])) AND kinds <> '{}'
"""
# With nobody who was erased, or is being erased; in the order of the pairs.
_KEEP = """
INSERT INTO identity_sharings AS s (id, first_id, second_id, kinds)
SELECT t.id, t.first_id, t.second_id, string_to_array(t.kinds, ',')
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS t (id, first_id, second_id, kinds)
JOIN customers AS one ON one.id = t.first_id AND one.root_id IS NOT NULL
JOIN customers AS other ON other.id = t.second_id AND other.root_id IS NOT NULL
ORDER BY t.first_id, t.second_id
FOR KEY SHARE OF one, other
ON CONFLICT (first_id, second_id) DO UPDATE SET kinds = excluded.kinds, version = s.version + 1 WHERE s.kinds <> excluded.kinds
RETURNING s.id, s.first_id, s.second_id, s.kinds, s.version, clock_timestamp() AS changed_at
"""
_ERASE = "DELETE FROM identity_sharings WHERE first_id = ANY($1::text[]) OR second_id = ANY($1::text[])"
_COLLECT = """
SELECT CASE WHEN first_id = ANY($1::text[]) THEN first_id ELSE second_id END AS customer_id, kinds FROM identity_sharings
WHERE first_id = ANY($1::text[]) OR second_id = ANY($1::text[]) ORDER BY id
"""


class Sharing(NamedTuple):
    """What two records share; `version` numbers the event that tells of it."""

    id: str
    first_id: str
    second_id: str
    kinds: list[str]
    version: int
    changed_at: datetime


async def compare(uow: UnitOfWork, record_ids: Sequence[str]) -> None:
    """Keep what records share with others now, and tell of what changed."""
    connection = uow.connection
    await connection.execute(_LOCK)
    shared: dict[tuple[str, str], set[str]] = {}
    for row in await connection.fetch(_SHARED, record_ids, sorted(SHARED_KINDS), MAX_SHARERS):
        shared.setdefault(pair(row["customer_id"], row["other_id"]), set()).add(row["kind"])
    for row in await connection.fetch(_KNOWN, record_ids):
        shared.setdefault((row["first_id"], row["second_id"]), set())
    if shared:
        await _keep(uow, shared)


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete what records share; return how many rows."""
    return affected(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what records share; with whom is not told."""
    return [dict(row) for row in await connection.fetch(_COLLECT, ids)]


async def _keep(uow: UnitOfWork, shared: Mapping[tuple[str, str], set[str]]) -> None:
    rows = [(new_id("shr"), *each, ",".join(sorted(kinds))) for each, kinds in shared.items()]
    for row in await uow.connection.fetch(_KEEP, *transposed(rows)):
        each = Sharing(*row)
        event = IdentitySharingChanged(
            sharing_id=each.id, customer_id=each.first_id, other_id=each.second_id, kinds=each.kinds, changed_at=each.changed_at
        )
        uow.publish(event, sequence=each.version)
