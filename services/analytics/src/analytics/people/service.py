"""Follows who is one person with whom: what is counted by person moves, what is known of each customer stays his."""

from collections.abc import Iterable, Sequence

from analytics.people.repository import PeopleRepository
from analytics.purchases.repository import PurchasesRepository
from analytics.purchases.rules import activity_of, differences
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import Moved


async def on_families_changed(uow: UnitOfWork, moved: Sequence[Moved]) -> None:
    """Count anew those whom customers left and those whom they joined."""
    await recount(uow.connection, (root for one in moved for root in (one.from_root, one.to_root)))


async def recount(connection: Connection, root_ids: Iterable[str]) -> None:
    """Count orders and money of people anew, from all the orders and returns of their families.

    Args:
        connection: in a transaction that holds the lock of the history.
        root_ids: those whose families changed, or what is known of them; who is no root any more loses what he had.
    """
    roots = sorted(set(root_ids))
    people, purchases = PeopleRepository(connection), PurchasesRepository(connection)
    before = await purchases.states_of(roots)
    after = {root: activity_of(moments) for root, moments in (await people.moments_of(roots)).items()}
    changes = differences((before.get(root), after.get(root)) for root in before.keys() | after.keys())
    await purchases.forget_states(before.keys() - after.keys())
    await purchases.put_activity(after, changes)
    await people.count_money(roots)
