"""Every event that the service listens to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from loyalty.abuse.withholding import unless_withheld
from loyalty.challenges import counting as challenges
from loyalty.earning import returning, triggers
from loyalty.earning import service as earning
from loyalty.ledger import service as ledger
from loyalty.ledger.rules import check_id
from loyalty.members import service as members
from loyalty.offers import service as offers
from loyalty.privacy import service as privacy
from loyalty.referrals import following as referrals
from loyalty.relations import following as relations
from loyalty.segments import following as segments
from loyalty.tiers import booking as tiers
from shared.contracts.customers import (
    CustomerBirthday,
    CustomerRegistered,
    CustomerUpdated,
    DuplicateSettled,
    DuplicateSuspected,
    IdentitySharingChanged,
    InteractionRecorded,
    OrderCancelled,
    OrderPlaced,
    OrderReturned,
    SegmentMembershipChanged,
    StageChanged,
)
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import LoyaltyDataProvided, LoyaltyErasureConfirmed
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.following.access import access_request_handlers
from shared.following.erasure import erasure_handlers
from shared.following.links import Moved, following_handlers
from shared.following.tombstones import unless_erased
from shared.http.access_events import access_handlers
from shared.messaging.handlers import Handler, HandlerTable

_EVER = datetime.min.replace(tzinfo=UTC)


async def on_customers_registered(uow: UnitOfWork, events: Sequence[Received[CustomerRegistered]]) -> None:
    """New customers become members."""
    registrations = [received.event for received in events]
    await members.enrol(uow, registrations)
    await triggers.registered(uow, registrations)
    customers = [registration.customer_id for registration in registrations]
    await tiers.anew(uow, customers)
    await referrals.follow(uow, customers)


async def on_customers_updated(uow: UnitOfWork, events: Sequence[Received[CustomerUpdated]]) -> None:
    """Rules look at what customers are now."""
    await triggers.updated(uow, [received.event for received in events])


async def on_responses_recorded(uow: UnitOfWork, events: Sequence[Received[ResponseRecorded]]) -> None:
    """Answers to surveys may earn points."""
    responses = [received.event for received in events]
    await triggers.responded(uow, responses)
    await challenges.responded(uow, responses)
    await tiers.refresh(uow, [event.customer_id for event in responses if event.customer_id is not None])


async def on_stages_changed(uow: UnitOfWork, events: Sequence[Received[StageChanged]]) -> None:
    """Rules look at the stages that customers are on."""
    await triggers.staged(uow, [received.event for received in events])


async def on_segment_memberships_changed(uow: UnitOfWork, events: Sequence[Received[SegmentMembershipChanged]]) -> None:
    """Rules look at the segments that customers belong to."""
    changed = [received.event for received in events]
    await segments.changed(uow, changed)
    await referrals.follow(uow, [event.customer_id for event in changed])


async def on_duplicates_suspected(uow: UnitOfWork, events: Sequence[Received[DuplicateSuspected]]) -> None:
    """Nobody is rewarded for having referred who may be himself, until somebody has looked at it."""
    await relations.suspected(uow, events)
    await _look_at_referrals(uow, [received.event for received in events])


async def on_duplicates_settled(uow: UnitOfWork, events: Sequence[Received[DuplicateSettled]]) -> None:
    """Referrals go on between two of whom nobody suspects any more that they are one."""
    await relations.settled(uow, events)
    await _look_at_referrals(uow, [received.event for received in events])


async def on_identity_sharings_changed(uow: UnitOfWork, events: Sequence[Received[IdentitySharingChanged]]) -> None:
    """Referrals between two who share a device, a card or an account are looked at."""
    await relations.shared(uow, events)
    await _look_at_referrals(uow, [received.event for received in events])


async def _look_at_referrals(uow: UnitOfWork, events: Sequence[DuplicateSuspected | DuplicateSettled | IdentitySharingChanged]) -> None:
    await referrals.follow(uow, [customer for event in events for customer in (event.customer_id, event.other_id)])


async def on_birthdays(uow: UnitOfWork, events: Sequence[Received[CustomerBirthday]]) -> None:
    """Birthdays may earn points."""
    await triggers.congratulated(uow, [received.event for received in events])
    await tiers.refresh(uow, [received.event.customer_id for received in events])


async def on_interactions_recorded(uow: UnitOfWork, events: Sequence[Received[InteractionRecorded]]) -> None:
    """Visits and other interactions may earn points."""
    interactions = [received.event for received in events]
    await triggers.interacted(uow, interactions)
    await challenges.interacted(uow, interactions)
    await tiers.refresh(uow, [event.customer_id for event in interactions])


async def on_orders_placed(uow: UnitOfWork, events: Sequence[Received[OrderPlaced]]) -> None:
    """Orders earn points."""
    orders = [received.event for received in events]
    offered = await offers.bought(uow, orders)
    programmes = await earning.programmes_of(uow, orders)
    # Returns may have come before their orders.
    accrued = await earning.accrue(uow, orders, programmes)
    if accrued.awaited:
        await returning.settle(uow, accrued.awaited)
    if offered:
        await offers.settle(uow, offered)
    if any(programme.is_challenging for programme in programmes):
        await challenges.ordered(uow, orders, programmes, accrued.looked_at)
    if any(programme.is_tiered for programme in programmes):
        await tiers.refresh(uow, [order.customer_id for order in orders])
        # In some tiers nothing expires.
        await ledger.revive(uow, [(order.customer_id, order.placed_at) for order in orders])
    if any(programme.is_referring for programme in programmes):
        await referrals.bought(uow, orders)


async def on_orders_returned(uow: UnitOfWork, events: Sequence[Received[OrderReturned]]) -> None:
    """Returns take points back."""
    returns = [received.event for received in events]
    offered = await offers.came_back(uow, returns)
    await returning.reverse(uow, returns)
    if offered:
        await offers.settle(uow, offered)
    await challenges.returned(uow, returns)
    customers = [event.customer_id for event in returns]
    await tiers.refresh(uow, customers)
    await referrals.follow(uow, customers)


async def on_orders_cancelled(uow: UnitOfWork, events: Sequence[Received[OrderCancelled]]) -> None:
    """Cancellations take back what is left."""
    cancelled = [received.event for received in events]
    offered = await offers.cancelled(uow, cancelled)
    await returning.cancel(uow, cancelled)
    if offered:
        await offers.settle(uow, offered)
    await challenges.cancelled(uow, cancelled)
    customers = [event.customer_id for event in cancelled]
    await tiers.refresh(uow, customers)
    await referrals.follow(uow, customers)


async def _on_moved(uow: UnitOfWork, moved: Sequence[Moved]) -> None:
    customers = [one for change in moved for one in change]
    await tiers.forget(uow, customers)
    await challenges.moved(uow, customers)
    await tiers.refresh(uow, customers)
    # What one of them did puts off the expiry of what the others have.
    await ledger.revive(uow, [(change.customer_id, _EVER) for change in moved])
    await referrals.follow(uow, customers, either=True)


def _of_members(handler: Handler, field: str = "customer_id") -> Handler:
    """Return the handler without the events of erased customers; an id that no table could hold is refused before it is looked for."""
    kept = unless_erased(handler, field)

    async def handle(uow: UnitOfWork, events: Sequence[Received[Any]]) -> None:
        for event, _ in events:
            check_id(field, getattr(event, field))
        await kept(uow, events)

    return handle


def _of_two(handler: Handler) -> Handler:
    """Return the handler without the events that tell of an erased customer on either side."""
    return _of_members(_of_members(handler, "other_id"))


# What members earn for, as it is done once nothing has to wait for a review any more.
EARNING: HandlerTable = {
    CustomerBirthday: on_birthdays,
    InteractionRecorded: on_interactions_recorded,
    ResponseRecorded: on_responses_recorded,
    OrderPlaced: on_orders_placed,
    OrderReturned: on_orders_returned,
    OrderCancelled: on_orders_cancelled,
}

HANDLERS: HandlerTable = {
    **following_handlers(_on_moved),
    **erasure_handlers(privacy.erase, LoyaltyErasureConfirmed),
    **access_request_handlers(privacy.collect, LoyaltyDataProvided),
    CustomerRegistered: _of_members(on_customers_registered),
    CustomerUpdated: _of_members(on_customers_updated),
    StageChanged: _of_members(on_stages_changed),
    SegmentMembershipChanged: _of_members(on_segment_memberships_changed),
    DuplicateSuspected: _of_two(on_duplicates_suspected),
    DuplicateSettled: _of_two(on_duplicates_settled),
    IdentitySharingChanged: _of_two(on_identity_sharings_changed),
    CustomerBirthday: unless_withheld(on_birthdays),
    InteractionRecorded: unless_withheld(on_interactions_recorded),
    # Not every answer is a member's.
    ResponseRecorded: unless_withheld(on_responses_recorded),
    OrderPlaced: unless_withheld(on_orders_placed),
    OrderReturned: unless_withheld(on_orders_returned),
    OrderCancelled: unless_withheld(on_orders_cancelled),
    **access_handlers,
}
