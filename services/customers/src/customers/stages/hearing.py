"""What the events of this service and of others mean for stages.

The service hears its own events from its own topic instead of moving customers where it records orders and interactions: the write path
stays as short as it is, moves of a customer come in the order of his events, and a rule that fails holds up stages, never orders.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any

from customers.stages import repository, service
from customers.stages.rules import Fact
from shared.contracts.customers import (
    ConsentChanged,
    CustomerErased,
    CustomerMerged,
    CustomerRegistered,
    CustomerUnmerged,
    InteractionRecorded,
    OrderPlaced,
    OrderReturned,
)
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import ReferralCompleted
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.messaging.decode import stream_of

_Hear = Callable[[UnitOfWork, Sequence[Received[Any]]], Awaitable[None]]


def once(hear: _Hear) -> _Hear:
    """Return a handler that passes over what was heard before a rebuild: it moved customers then, or did not."""

    @wraps(hear)
    async def heard_once(uow: UnitOfWork, events: Sequence[Received[Any]]) -> None:
        heard = await repository.heard(uow.connection, sorted({stream_of(received.envelope) for received in events}))
        new = [received for received in events if received.envelope.sequence > heard.get(stream_of(received.envelope), 0)]
        if new:
            await hear(uow, new)

    return heard_once


@once
async def on_customers_registered(uow: UnitOfWork, events: Sequence[Received[CustomerRegistered]]) -> None:
    """Whoever is registered is identified."""
    await service.advance(uow, [Fact(event.customer_id, "customer_registered", event.registered_at) for event, _ in events])


@once
async def on_consents_changed(uow: UnitOfWork, events: Sequence[Received[ConsentChanged]]) -> None:
    """A consent that is given attracts."""
    facts = [
        Fact(event.customer_id, "consent_granted", event.changed_at, {"channel": event.channel, "kind": event.purpose})
        for event, _ in events
        if event.granted
    ]
    await service.advance(uow, facts)


@once
async def on_interactions_recorded(uow: UnitOfWork, events: Sequence[Received[InteractionRecorded]]) -> None:
    """What customer and company have with each other moves him on his journey."""
    await service.advance(uow, [_interaction(event) for event, _ in events])


def _interaction(event: InteractionRecorded) -> Fact:
    fields = ("kind", "channel", "direction", "journey_stage", "sentiment")
    return Fact(event.customer_id, "interaction_recorded", event.occurred_at, {name: getattr(event, name) for name in fields})


@once
async def on_orders_placed(uow: UnitOfWork, events: Sequence[Received[OrderPlaced]]) -> None:
    """Orders convert, retain and grow."""
    await service.advance(uow, await service.order_facts(uow.connection, [received.event for received in events]))


@once
async def on_orders_returned(uow: UnitOfWork, events: Sequence[Received[OrderReturned]]) -> None:
    """Who sends something back is being served."""
    await service.advance(uow, [Fact(event.customer_id, "order_returned", event.returned_at) for event, _ in events])


@once
async def on_responses_recorded(uow: UnitOfWork, events: Sequence[Received[ResponseRecorded]]) -> None:
    """Promoters are advocates."""
    facts = [
        Fact(event.customer_id, "response_recorded", event.answered_at, {"question": event.question, "score": event.score})
        for event, _ in events
        if event.customer_id is not None
    ]
    await service.advance(uow, facts)


@once
async def on_referrals_completed(uow: UnitOfWork, events: Sequence[Received[ReferralCompleted]]) -> None:
    """Who brought a friend who bought is an advocate."""
    await service.advance(uow, [Fact(event.customer_id, "referral_completed", event.completed_at) for event, _ in events])


async def on_customers_merged(uow: UnitOfWork, events: Sequence[Received[CustomerMerged | CustomerUnmerged]]) -> None:
    """Lists and counts show a customer where the furthest of his records is, whoever they are now."""
    ids = sorted({each for event, _ in events for each in (event.survivor_id, event.merged_id)})
    await service.show(uow.connection, ids)


async def on_customers_erased(uow: UnitOfWork, events: Sequence[Received[CustomerErased]]) -> None:
    """Nothing stays of moves that were written while the customer was being erased."""
    await service.erase(uow.connection, sorted({each for event, _ in events for each in (event.customer_id, *event.customer_ids)}))
