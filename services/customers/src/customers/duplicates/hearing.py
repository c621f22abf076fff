"""What the service's own events mean for duplicates: whose profile or family changed is compared anew.

It hears them from its own topic, so that the path that writes customers stays as short as it is.
"""

from collections.abc import Sequence

from customers.duplicates import marks, sharing
from shared.contracts.customers import CustomerErased, CustomerMerged, CustomerRegistered, CustomerUnmerged, CustomerUpdated
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received

# What records are compared by.
_COMPARED = frozenset({"kind", "name", "email", "phone", "birth_date", "sex", "city", "country"})


async def on_customers_registered(uow: UnitOfWork, events: Sequence[Received[CustomerRegistered]]) -> None:
    """Whoever is new may be known already."""
    await marks.mark(uow.connection, [event.customer_id for event, _ in events])


async def on_customers_updated(uow: UnitOfWork, events: Sequence[Received[CustomerUpdated]]) -> None:
    """Whoever is called or reached otherwise may resemble others now, and those no more whom he did."""
    changed = [event.customer_id for event, _ in events if not _COMPARED.isdisjoint(event.changed)]
    if changed:
        await marks.mark(uow.connection, changed)


async def on_links_changed(uow: UnitOfWork, events: Sequence[Received[CustomerMerged | CustomerUnmerged]]) -> None:
    """A family shares the identities of all its records."""
    await marks.mark(uow.connection, [record for event, _ in events for record in (event.survivor_id, event.merged_id)])


async def on_customers_erased(uow: UnitOfWork, events: Sequence[Received[CustomerErased]]) -> None:
    """Whoever is gone shares nothing, also one whom an import that was undone had made."""
    await sharing.erase(uow.connection, [record for event, _ in events for record in (event.customer_id, *event.customer_ids)])
