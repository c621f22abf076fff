"""Hears of customers, so that responses can say whether theirs is known."""

from collections.abc import Sequence

from feedback.customers.repository import CustomerRepository, KnownCustomer
from shared.contracts.customers import CustomerRegistered, CustomerUpdated
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.following.links import forget_all_links


async def on_customers_registered(uow: UnitOfWork, events: Sequence[Received[CustomerRegistered]]) -> None:
    """Get to know customers."""
    told = [received.event for received in events]
    await CustomerRepository(uow.connection).keep(
        [KnownCustomer(event.customer_id, event.kind, event.country, event.language, event.registered_at) for event in told]
    )


async def on_customers_updated(uow: UnitOfWork, events: Sequence[Received[CustomerUpdated]]) -> None:
    """Follow their changes."""
    told = [received.event for received in events]
    await CustomerRepository(uow.connection).keep(
        [KnownCustomer(event.customer_id, event.kind, event.country, event.language, None) for event in told]
    )


async def reset_projection(uow: UnitOfWork) -> None:
    """Forget all customers and their links; the events that told of them fill the projection again."""
    await CustomerRepository(uow.connection).forget_all()
    await forget_all_links(uow.connection)
