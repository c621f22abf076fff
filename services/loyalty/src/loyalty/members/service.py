"""Who becomes a member, and what a member has."""

from collections.abc import Sequence
from datetime import datetime

from loyalty.ledger.rules import check_id, check_moment
from loyalty.members import repository
from loyalty.members.errors import MemberNotFound
from loyalty.members.rules import MemberState
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.customers import CustomerRegistered
from shared.contracts.loyalty import MemberEnrolled
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.tombstones import erased_among


async def enrol(uow: UnitOfWork, registrations: Sequence[CustomerRegistered]) -> None:
    """Enrol new customers as of their registration; a second registration of one customer changes nothing.

    Raises:
        UnusableEvent: a registration holds a moment that none can have.
    """
    for registration in registrations:
        check_id("customer_id", registration.customer_id)
        check_moment("registered_at", registration.registered_at)
    first = {r.customer_id: r.registered_at for r in reversed(registrations)}
    for enrolled in await repository.enrol(uow.connection, PROGRAMME_ID, list(first.items())):
        uow.publish(MemberEnrolled(customer_id=enrolled.customer_id, enrolled_at=enrolled.enrolled_at), sequence=enrolled.sequence)


async def member(
    connection: Connection,
    customer_id: str,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    programme_id: str = PROGRAMME_ID,
) -> MemberState:
    """Return a member with his wallets, at this moment or at another.

    Args:
        connection: of the caller.
        customer_id: any id of his family.
        as_of: the instant to look at: what is dated until then counts. The present when None; may lie ahead.
        known_at: what the ledger was told until then counts. Everything when None.
        programme_id: whose wallets; that there is one is known.

    Raises:
        MemberNotFound: there is none, or his membership ended.
    """
    person = await repository.find(connection, customer_id)
    if person is None or person.closed_at is not None:
        raise MemberNotFound
    if as_of is None and known_at is None:
        return MemberState(person, await repository.states(connection, programme_id, person))
    return MemberState(person, await repository.states_as_of(connection, programme_id, person, as_of, known_at))


async def require(connection: Connection, customer_id: str) -> None:
    """Make sure that there is such a member.

    Raises:
        MemberNotFound: there is none.
    """
    if not await repository.exists(connection, customer_id):
        raise MemberNotFound


async def admit(connection: Connection, customer_id: str) -> None:
    """Make sure that there is such a member, and that an erasure at this moment waits for what the transaction stores of him.

    Asked before any row is locked that an erasure touches: it holds the tombstones first, too.

    Raises:
        MemberNotFound: there is none, or he was erased.
    """
    if await erased_among(connection, [customer_id]):
        raise MemberNotFound
    await require(connection, customer_id)
