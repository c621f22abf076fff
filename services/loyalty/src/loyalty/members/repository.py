"""Every query of members. A balance is what is left of the lots that count at the moment of asking."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from loyalty.members.rules import Person, WalletState
from shared.database.pool import Connection
from shared.http.pagination import SortKey

_ENROL = "SELECT customer_id, enrolled_at, sequence FROM enrol($1, $2, $3)"

_VIEW = """
SELECT members.customer_id, enrolled_at, version, spendable AS balance, lifetime, pending, held
FROM members, wallet_state(wallets_of($1, 'points', family_of(members.customer_id)), clock_timestamp())
"""
_PAGE = f"{_VIEW} WHERE members.customer_id > $2 AND closed_at IS NULL ORDER BY members.customer_id LIMIT $3"
# A family has the version of all in it together, and takes part since the first of it does.
_PERSON = """
SELECT asked.customer_id, family, pool_of(asked.customer_id) AS pool, closed_at,
       (SELECT min(enrolled_at) FROM members WHERE customer_id = ANY (family)) AS enrolled_at,
       (SELECT sum(version)::bigint FROM members WHERE customer_id = ANY (family)) AS version,
       (SELECT household_id FROM household_members WHERE customer_id = ANY (family) AND left_at IS NULL LIMIT 1) AS household_id
FROM members AS asked, family_of(asked.customer_id) AS family WHERE asked.customer_id = $1
"""
_STATES = """
SELECT code, kind, currency, state.spendable, state.lifetime, state.pending, state.held, state.lapsed, state.booked,
       CASE WHEN $3::text[] <> $2::text[] THEN (
           SELECT spendable FROM wallet_state(wallets_of($1, code, $3), clock_timestamp())
       ) END AS pool_spendable
FROM wallets, wallet_state(wallets_of($1, code, $2), clock_timestamp()) AS state WHERE programme_id = $1 ORDER BY code
"""
_STATES_AS_OF = """
SELECT code, kind, currency, state.spendable, state.lifetime, state.pending, state.held, state.lapsed, state.booked, NULL::bigint
FROM wallets, wallet_history(wallets_of($1, code, $2), coalesce($3, clock_timestamp()), coalesce($4, clock_timestamp())) AS state
WHERE programme_id = $1 ORDER BY code
"""
_EXISTS = "SELECT EXISTS (SELECT FROM members WHERE customer_id = $1 AND closed_at IS NULL)"


class Enrolled(NamedTuple):
    """A member who was enrolled just now; `sequence` numbers the event that tells of it."""

    customer_id: str
    enrolled_at: datetime
    sequence: int


class MemberRow(NamedTuple):
    """A member of a list, with the points of his family."""

    customer_id: str
    enrolled_at: datetime | None
    version: int
    balance: int
    lifetime: int
    pending: int
    held: int


async def enrol(connection: Connection, programme_id: str, customers: Sequence[tuple[str, datetime]]) -> list[Enrolled]:
    """Enrol customers, each given once as `(customer_id, moment)`; those enrolled already are left as they are."""
    rows = await connection.fetch(_ENROL, programme_id, [c for c, _ in customers], [moment for _, moment in customers])
    return [Enrolled(*row) for row in rows]


async def find(connection: Connection, customer_id: str) -> Person | None:
    """Return who stands behind a customer id, or None."""
    row = await connection.fetchrow(_PERSON, customer_id)
    return Person(*row) if row is not None else None


async def states(connection: Connection, programme_id: str, person: Person) -> list[WalletState]:
    """Return what a family holds at this moment, a state for each wallet of the programme."""
    return [WalletState(*row) for row in await connection.fetch(_STATES, programme_id, sorted(person.family), person.pool)]


async def states_as_of(
    connection: Connection, programme_id: str, person: Person, as_of: datetime | None, known_at: datetime | None
) -> list[WalletState]:
    """Return what a family held at an instant, as far as it was known at another; each is the present when None."""
    return [WalletState(*row) for row in await connection.fetch(_STATES_AS_OF, programme_id, person.family, as_of, known_at)]


async def exists(connection: Connection, customer_id: str) -> bool:
    """Return whether there is such a member."""
    return bool(await connection.fetchval(_EXISTS, customer_id))


async def page(connection: Connection, programme_id: str, limit: int, after: SortKey | None) -> list[MemberRow]:
    """Return members by customer id, those after the one with this key."""
    return [MemberRow(*row) for row in await connection.fetch(_PAGE, programme_id, *(after or ("",)), limit)]
