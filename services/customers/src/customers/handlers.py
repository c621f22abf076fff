"""Every event that the service listens to."""

from collections.abc import Sequence

from customers.duplicates import hearing as duplicates
from customers.privacy.handlers import PRIVACY_HANDLERS
from customers.stages import hearing as stages
from customers.timeline import hearing as timeline
from shared.contracts.customers import (
    ConsentChanged,
    CustomerErased,
    CustomerMerged,
    CustomerRegistered,
    CustomerUnmerged,
    CustomerUpdated,
    InteractionRecorded,
    OrderPlaced,
    OrderReturned,
)
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import ReferralCompleted
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.messaging.handlers import HandlerTable


async def on_responses_recorded(uow: UnitOfWork, events: Sequence[Received[ResponseRecorded]]) -> None:
    """Answers appear on the timeline, and promoters are advocates."""
    await timeline.hear(uow, events)
    await stages.on_responses_recorded(uow, events)


async def on_referrals_completed(uow: UnitOfWork, events: Sequence[Received[ReferralCompleted]]) -> None:
    """Referrals appear on the timeline, and tell of an advocate."""
    await timeline.hear(uow, events)
    await stages.on_referrals_completed(uow, events)


async def on_customers_registered(uow: UnitOfWork, events: Sequence[Received[CustomerRegistered]]) -> None:
    """New customers are identified, and compared with the others."""
    await duplicates.on_customers_registered(uow, events)
    await stages.on_customers_registered(uow, events)


async def on_links_changed(uow: UnitOfWork, events: Sequence[Received[CustomerMerged | CustomerUnmerged]]) -> None:
    """Families are compared anew, and stand where their records lead them."""
    await duplicates.on_links_changed(uow, events)
    await stages.on_customers_merged(uow, events)


async def on_customers_erased(uow: UnitOfWork, events: Sequence[Received[CustomerErased]]) -> None:
    """Nothing stays of what was written while a customer was being erased."""
    await stages.on_customers_erased(uow, events)
    await duplicates.on_customers_erased(uow, events)


# Its own events are among them: they move customers from stage to stage.
HANDLERS: HandlerTable = {
    **PRIVACY_HANDLERS,
    CustomerRegistered: on_customers_registered,
    CustomerUpdated: duplicates.on_customers_updated,
    ConsentChanged: stages.on_consents_changed,
    InteractionRecorded: stages.on_interactions_recorded,
    OrderPlaced: stages.on_orders_placed,
    OrderReturned: stages.on_orders_returned,
    CustomerMerged: on_links_changed,
    CustomerUnmerged: on_links_changed,
    CustomerErased: on_customers_erased,
    **timeline.HANDLERS,
    ResponseRecorded: on_responses_recorded,
    ReferralCompleted: on_referrals_completed,
}
