"""Which customers use one device, card or account: told to other services, for they need not be one person, but may not be strangers.

What is kept is of the records that were seen with an identity, whomever they are merged into. A value that nobody trusts any more,
because too many have it, is still one that they share; of one that very many have, such as a till's, no more are told.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from customers.identification.repository import lock
from customers.identities.rules import Identity
from shared.contracts.customers import IdentitySharingChanged
from shared.database.pool import Connection
from shared.database.rows import affected
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id

# Kinds of identities that strangers do not share.
KINDS = frozenset({"account", "card", "device"})
# What more customers have is no sign of anything between two of them.
MAX_SHARERS = 20

_OTHERS = """
SELECT DISTINCT customer_id FROM customer_identities WHERE kind = $2 AND value = $3 AND source = $4 AND customer_id <> $1 LIMIT $5
"""
_COLUMNS = "s.id, s.first_id, s.second_id, s.kinds, s.version, clock_timestamp() AS changed_at"
# In the order of the pairs, so that two never wait for each other in a circle; with nobody who is being erased.
_SHARE = f"""
INSERT INTO identity_sharings AS s (id, first_id, second_id, kinds)
SELECT t.id, least($1 COLLATE "C", other), greatest($1 COLLATE "C", other), ARRAY[$2]
FROM unnest($3::text[], $4::text[]) AS t (id, other) JOIN customers AS c ON c.id = other AND c.root_id IS NOT NULL
ORDER BY 2, 3 FOR KEY SHARE OF c
ON CONFLICT (first_id, second_id) DO UPDATE
SET kinds = ARRAY(SELECT unnest(s.kinds) UNION SELECT $2 ORDER BY 1), version = s.version + 1
WHERE NOT $2 = ANY (s.kinds)
RETURNING {_COLUMNS}
"""  # noqa: S608 (names of columns only)
_UNSHARE = f"""
UPDATE identity_sharings AS s SET kinds = array_remove(kinds, $2), version = version + 1
WHERE (first_id = $1 OR second_id = $1) AND $2 = ANY (kinds) AND NOT EXISTS (
    SELECT FROM customer_identities AS own JOIN customer_identities AS other USING (kind, value, source)
    WHERE own.customer_id = s.first_id AND other.customer_id = s.second_id AND kind = $2
)
RETURNING {_COLUMNS}
"""  # noqa: S608
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


async def hold(connection: Connection, identity: Identity) -> None:
    """Let nobody else be seen with an identity, or with it no more, until the transaction ends: before anything else is locked."""
    if identity.kind in KINDS:
        await lock(connection, [identity])


async def seen(uow: UnitOfWork, record_id: str, identity: Identity) -> None:
    """Tell with whom a record shares an identity that it was seen with just now, whether that is kept or not; it is held."""
    if identity.kind not in KINDS:
        return
    rows = await uow.connection.fetch(_OTHERS, record_id, identity.kind, identity.value, identity.source, MAX_SHARERS)
    if 0 < len(rows) < MAX_SHARERS:
        others = [row["customer_id"] for row in rows]
        ids = [new_id("shr") for _ in others]
        _tell(uow, [Sharing(*row) for row in await uow.connection.fetch(_SHARE, record_id, identity.kind, ids, others)])


async def gone(uow: UnitOfWork, record_id: str, identity: Identity) -> None:
    """Tell with whom a record shares no identity of a kind any more, after one was taken from it; it is held."""
    if identity.kind in KINDS:
        _tell(uow, [Sharing(*row) for row in await uow.connection.fetch(_UNSHARE, record_id, identity.kind)])


async def erase(connection: Connection, ids: Sequence[str]) -> int:
    """Delete what records share; return how many rows."""
    return affected(await connection.execute(_ERASE, ids))


async def collect(connection: Connection, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return what records share; with whom is not told."""
    return [dict(row) for row in await connection.fetch(_COLLECT, ids)]


def _tell(uow: UnitOfWork, changed: Sequence[Sharing]) -> None:
    for each in changed:
        event = IdentitySharingChanged(
            sharing_id=each.id, customer_id=each.first_id, other_id=each.second_id, kinds=each.kinds, changed_at=each.changed_at
        )
        uow.publish(event, sequence=each.version)
