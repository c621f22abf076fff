"""Every query of members. A balance is the sum of the open lots, never a stored figure."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.database.pool import Connection
from shared.http.pagination import SortKey

_ENROL = "SELECT customer_id, enrolled_at, sequence FROM enrol($1, $2, $3)"

_VIEW = """
SELECT members.customer_id, enrolled_at, version,
       coalesce((SELECT sum(remaining) FROM accounts JOIN lots ON account_id = accounts.id
                 WHERE accounts.customer_id = members.customer_id AND remaining > 0), 0)::bigint AS balance,
       coalesce((SELECT sum(points) FROM entries
                 WHERE entries.customer_id = members.customer_id AND entries.kind IN ('accrual', 'reversal')), 0)::bigint AS lifetime
FROM members
"""
_ONE = f"{_VIEW} WHERE members.customer_id = $1"
_PAGE = f"{_VIEW} WHERE members.customer_id > $1 ORDER BY members.customer_id LIMIT $2"
_EXISTS = "SELECT EXISTS (SELECT FROM members WHERE customer_id = $1)"


class Enrolled(NamedTuple):
    """A member who was enrolled just now; `sequence` numbers the event that tells of it."""

    customer_id: str
    enrolled_at: datetime
    sequence: int


class MemberRow(NamedTuple):
    """A member with his points."""

    customer_id: str
    enrolled_at: datetime | None
    version: int
    balance: int
    lifetime: int


async def enrol(connection: Connection, programme_id: str, customers: Sequence[tuple[str, datetime]]) -> list[Enrolled]:
    """Enrol customers, each given once as `(customer_id, moment)`; those enrolled already are left as they are."""
    rows = await connection.fetch(_ENROL, programme_id, [c for c, _ in customers], [moment for _, moment in customers])
    return [Enrolled(*row) for row in rows]


async def find(connection: Connection, customer_id: str) -> MemberRow | None:
    """Return a member, or None."""
    row = await connection.fetchrow(_ONE, customer_id)
    return MemberRow(*row) if row is not None else None


async def exists(connection: Connection, customer_id: str) -> bool:
    """Return whether there is such a member."""
    return bool(await connection.fetchval(_EXISTS, customer_id))


async def page(connection: Connection, limit: int, after: SortKey | None) -> list[MemberRow]:
    """Return members by customer id, those after the one with this key."""
    return [MemberRow(*row) for row in await connection.fetch(_PAGE, *(after or ("",)), limit)]
