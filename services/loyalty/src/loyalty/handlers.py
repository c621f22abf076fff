"""Every event that the service listens to."""

from collections.abc import Sequence

from loyalty.ledger import service as ledger
from loyalty.members import service as members
from shared.contracts.customers import CustomerRegistered, OrderCancelled, OrderPlaced, OrderReturned
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.http.access_events import access_handlers
from shared.messaging.handlers import HandlerTable


async def on_customers_registered(uow: UnitOfWork, events: Sequence[Received[CustomerRegistered]]) -> None:
    """New customers become members."""
    await members.enrol(uow, [received.event for received in events])


async def on_orders_placed(uow: UnitOfWork, events: Sequence[Received[OrderPlaced]]) -> None:
    """Orders earn points."""
    await ledger.accrue(uow, [received.event for received in events])


async def on_orders_returned(uow: UnitOfWork, events: Sequence[Received[OrderReturned]]) -> None:
    """Returns take points back."""
    await ledger.reverse(uow, [received.event for received in events])


async def on_orders_cancelled(uow: UnitOfWork, events: Sequence[Received[OrderCancelled]]) -> None:
    """Cancellations take back what is left."""
    await ledger.cancel(uow, [received.event for received in events])


HANDLERS: HandlerTable = {
    CustomerRegistered: on_customers_registered,
    OrderPlaced: on_orders_placed,
    OrderReturned: on_orders_returned,
    OrderCancelled: on_orders_cancelled,
    **access_handlers,
}
