"""Finds the customers whom rows speak of."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.database.pool import Connection

# One import at a time matches and writes: what one makes, the next one finds. Its statements go by the indexes, whatever the statistics
# of tables say that grow by thousands of rows a second.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('imports:' || current_schema(), 0)), set_config('enable_seqscan', 'off', true)"
_OWN = {
    "external_id": "SELECT external_id AS key, id, root_id FROM customers WHERE external_id = ANY($1::text[]) AND root_id IS NOT NULL",
    "email": "SELECT lower(email) AS key, id, root_id FROM customers WHERE lower(email) = ANY($1::text[]) AND root_id IS NOT NULL",
    "phone": "SELECT phone AS key, id, root_id FROM customers WHERE phone = ANY($1::text[]) AND root_id IS NOT NULL",
}
# Identities beside those of the profile: earlier addresses, ids of other sources.
_FURTHER = """
SELECT i.value AS key, c.id, c.root_id FROM customer_identities AS i JOIN customers AS c ON c.id = i.customer_id
WHERE i.kind = $2 AND i.value = ANY($1::text[]) AND c.root_id IS NOT NULL
"""
_OWNERS = "SELECT external_id, id FROM customers WHERE external_id = ANY($1::text[])"


class Match(NamedTuple):
    """Whom an identity belongs to.

    Attributes:
        customer_id: the record that has it; the root where several of a family have it.
        is_ambiguous: whether others have it too who are not of his family.
    """

    customer_id: str
    is_ambiguous: bool


async def lock(connection: Connection) -> None:
    """Wait until no other import is between matching and its commit."""
    await connection.execute(_LOCK)


async def match(connection: Connection, field: str, keys: Sequence[str]) -> dict[str, Match]:
    """Return whom identities belong to; unknown ones are left out.

    Args:
        connection: of the transaction.
        field: external_id, email or phone.
        keys: in the form that is compared.
    """
    found: dict[str, dict[str, str]] = {}
    for row in await connection.fetch(_OWN[field], keys):
        found.setdefault(row["key"], {})[row["id"]] = row["root_id"]
    rest = [key for key in keys if key not in found]
    for row in await connection.fetch(_FURTHER, rest, field) if rest else ():
        found.setdefault(row["key"], {})[row["id"]] = row["root_id"]
    return {key: _match(records) for key, records in found.items()}


def _match(records: dict[str, str]) -> Match:
    roots = set(records.values())
    record = next(iter(records)) if len(records) == 1 else min(roots)
    return Match(record, len(roots) > 1)


async def owners_of_external_ids(connection: Connection, external_ids: Iterable[str | None]) -> dict[str, str]:
    """Return who has these external ids."""
    wanted = sorted({each for each in external_ids if each is not None})
    return dict(await connection.fetch(_OWNERS, wanted)) if wanted else {}


async def taken_external_ids(connection: Connection, external_ids: Iterable[str | None]) -> set[str]:
    """Return which of these external ids somebody has."""
    return set(await owners_of_external_ids(connection, external_ids))
