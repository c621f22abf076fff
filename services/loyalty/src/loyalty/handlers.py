"""Every event that the service listens to."""

from collections.abc import Sequence

from loyalty.ledger import service as ledger
from loyalty.members import service as members
from loyalty.privacy import service as privacy
from shared.contracts.customers import CustomerRegistered, OrderCancelled, OrderPlaced, OrderReturned
from shared.contracts.loyalty import LoyaltyDataProvided, LoyaltyErasureConfirmed
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.following.access import access_request_handlers
from shared.following.erasure import erasure_handlers
from shared.following.links import following_handlers
from shared.following.tombstones import unless_erased
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
    **following_handlers(),
    **erasure_handlers(privacy.erase, LoyaltyErasureConfirmed),
    **access_request_handlers(privacy.collect, LoyaltyDataProvided),
    CustomerRegistered: unless_erased(on_customers_registered),
    OrderPlaced: unless_erased(on_orders_placed),
    OrderReturned: unless_erased(on_orders_returned),
    OrderCancelled: unless_erased(on_orders_cancelled),
    **access_handlers,
}
