"""Members who spend together, in every programme.

Each keeps his own wallets, and whoever spends draws from those of all of them, first what expires first.
"""

from collections.abc import Sequence

from loyalty.households import repository
from loyalty.households.errors import AlreadyInHousehold, HouseholdFull, HouseholdNotFound
from loyalty.households.repository import HouseholdRow
from loyalty.members.errors import MemberNotFound
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import families
from shared.ids import new_id

MAX_MEMBERS = 20


async def create(uow: UnitOfWork, customer_ids: Sequence[str]) -> HouseholdRow:
    """Make a household of members.

    Raises:
        MemberNotFound: one of them is no member.
        AlreadyInHousehold: one of them is in a household.
    """
    household_id = new_id("hhd")
    await repository.create(uow.connection, household_id)
    await _join(uow.connection, household_id, list(dict.fromkeys(customer_ids)))
    return await found(uow.connection, household_id)


async def join(uow: UnitOfWork, household_id: str, customer_id: str) -> HouseholdRow:
    """Let a member join.

    Raises:
        HouseholdNotFound: there is none.
        MemberNotFound: he is no member.
        AlreadyInHousehold: he is in one.
        HouseholdFull: it cannot have more.
    """
    if not await repository.lock(uow.connection, household_id):
        raise HouseholdNotFound
    household = await found(uow.connection, household_id)
    if len(household.customer_ids) >= MAX_MEMBERS:
        raise HouseholdFull(members=MAX_MEMBERS)
    # Those who are in it are locked too: one of them may be spending.
    await _join(uow.connection, household_id, [customer_id], also_lock=household.customer_ids)
    return await found(uow.connection, household_id)


async def leave(uow: UnitOfWork, household_id: str, customer_id: str) -> HouseholdRow:
    """Let a member leave; what he holds stays his.

    Raises:
        HouseholdNotFound: there is none, or he is not in it.
    """
    await repository.lock_members(uow.connection, [customer_id])
    if not await repository.leave(uow.connection, household_id, customer_id):
        raise HouseholdNotFound
    return await found(uow.connection, household_id)


async def found(connection: Connection, household_id: str) -> HouseholdRow:
    """Return a household.

    Raises:
        HouseholdNotFound: there is none.
    """
    household = await repository.find(connection, household_id)
    if household is None:
        raise HouseholdNotFound
    return household


async def _join(connection: Connection, household_id: str, customer_ids: list[str], also_lock: Sequence[str] = ()) -> None:
    if not await repository.lock_members(connection, [*customer_ids, *also_lock]):
        raise MemberNotFound
    everybody = {one for family in (await families(connection, customer_ids)).values() for one in family.ids}
    if await repository.anybody_present(connection, sorted(everybody)):
        raise AlreadyInHousehold
    await repository.join(connection, household_id, customer_ids)
