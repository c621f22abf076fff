"""What happens in the ledger: orders earn, returns take back, and every entry is told.

How to post. Whoever gives or takes points, a rule, a reward, a partner, says what he wants as `Grant`, `Draw` or `Restoration` and hands
a batch of them to `grant`, `draw` or `restore` with the unit of work of his request or event:

    outcomes = await service.grant(uow, [Grant("cus_1", 40, source_id=f"{order_id}:{rule_id}", occurred_at=placed_at,
                                               available_from=placed_at + pending, expires_at=in_a_year,
                                               rule_version="rul_1@3", explanation={"amount_minor": 4000, "per": 100, "multiplier": "1"})])
    [outcome] = await service.draw(uow, [Draw("cus_1", 25, source_id=redemption_id)])
    if outcome.status == "insufficient": ...   # outcome.spendable says what there is; nothing was posted for this item
    await service.restore(uow, [Restoration(drawn_source_id=redemption_id, source_id=cancellation_id, points=10)])

- One round trip a batch. The members are locked in the order of their ids first, with their families and households; the lots are chosen,
  entries, postings, draws, lots, sums and chains written, all in the database; the events are published with the sequences it gave.
- `source_id` with the kind names a posting for ever: the same again is `known`, returns the same entries and changes nothing. A rule
  that gives two grants for one order needs two sources.
- Each item has its own outcome, in order; one that is refused holds up no other. Draws of a batch happen one after the other.
- An entry belongs to one wallet of one member. A draw over a family or a household makes an entry for each wallet it touches.
- Points to hold before they are spent: `loyalty.holds.service`. Between members: `loyalty.transfers.service`.
- The moment is the database's clock, taken once the locks are held; `at=` replaces it in tests and simulations.
"""

from collections.abc import Sequence
from datetime import datetime

from loyalty.ledger import posting, repository
from loyalty.ledger.events import event_of, event_of_order, tell
from loyalty.ledger.posting import Answer, Outcome
from loyalty.ledger.repository import Posted
from loyalty.ledger.rules import Draw, Grant, Purchase, Restoration, Return, check_purchase, check_return, distinct
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.customers import OrderCancelled, OrderPlaced, OrderReturned
from shared.database.unit_of_work import UnitOfWork


async def grant(uow: UnitOfWork, grants: Sequence[Grant], *, programme_id: str = PROGRAMME_ID, at: datetime | None = None) -> list[Outcome]:
    """Give points, each grant a lot of its own, and tell of it. See the module's docstring.

    Args:
        uow: of the caller, who commits it.
        grants: at most some thousands.
        programme_id: whose points they are.
        at: the moment of posting; the database's clock when None.

    Returns:
        What became of each, in their order: posted, known or closed.
    """
    return await _told(uow, await posting.grant(uow.connection, programme_id, grants, at), programme_id) if grants else []


async def draw(uow: UnitOfWork, draws: Sequence[Draw], *, programme_id: str = PROGRAMME_ID, at: datetime | None = None) -> list[Outcome]:
    """Take points, first what expires first, and tell of it. See the module's docstring.

    Args:
        uow: of the caller, who commits it.
        draws: at most some hundreds; they happen one after the other.
        programme_id: whose points they are.
        at: the moment of posting; the database's clock when None.

    Returns:
        What became of each, in their order: posted, known, insufficient, unknown or closed.
    """
    return await _told(uow, await posting.draw(uow.connection, programme_id, draws, at), programme_id) if draws else []


async def restore(uow: UnitOfWork, restorations: Sequence[Restoration], *, at: datetime | None = None) -> list[Outcome]:
    """Give points of redemptions back to the lots that they came from, and tell of it. See the module's docstring.

    What was drawn last comes back first, so parts end the same in any order and splitting. What comes back to a lot that has expired
    meanwhile counts no more.

    Args:
        uow: of the caller, who commits it.
        restorations: at most some hundreds; they happen one after the other.
        at: the moment of posting; the database's clock when None.

    Returns:
        What became of each, in their order: posted, known or exceeds.
    """
    return await _told(uow, await posting.restore(uow.connection, PROGRAMME_ID, restorations, at)) if restorations else []


async def revive(uow: UnitOfWork, active: Sequence[tuple[str, datetime]]) -> None:
    """Take back what was booked as expired and was put off after all by activity of customers at moments, which is told only now.

    Grants, draws and orders see to it themselves; this is for what leaves no entry, and for customers who became one person.
    """
    if active:
        await tell(uow, await posting.revive(uow.connection, active))


async def book_expiries(uow: UnitOfWork, many: int, *, at: datetime | None = None) -> int:
    """Book up to so many lots that have expired, each dated at its instant, and tell of them; return how many.

    No balance waits for it: a lot that has expired counts no more, booked or not. It brings the accounts to what the balances say.
    """
    lines = await posting.book_expiries(uow.connection, many, at)
    await tell(uow, lines)
    return len(lines)


async def accrue(uow: UnitOfWork, orders: Sequence[OrderPlaced]) -> None:
    """Give the members the points of their orders, dated when the orders were placed.

    Raises:
        UnusableEvent: an order holds a value that no order can have.
        ContradictingEvent: an order is known with other facts.
    """
    purchases = distinct(check_purchase(Purchase(o.order_id, o.customer_id, o.placed_at, o.amount_minor)) for o in orders)
    _tell(uow, await repository.post_orders(uow.connection, PROGRAMME_ID, purchases))


async def reverse(uow: UnitOfWork, returned: Sequence[OrderReturned]) -> None:
    """Take back the points of what was returned.

    Raises:
        UnusableEvent: a return holds a value that no return can have.
        ContradictingEvent: a return or its order is known with other facts.
    """
    returns = distinct(check_return(_return_of(event)) for event in returned)
    purchases = distinct(r.purchase for r in returns)
    _tell(uow, await repository.post_returns(uow.connection, PROGRAMME_ID, purchases, returns))


async def cancel(uow: UnitOfWork, cancelled: Sequence[OrderCancelled]) -> None:
    """Take back all points that cancelled orders still keep; what came or comes back of them changes nothing more.

    Raises:
        UnusableEvent: a cancellation holds a value that none can have.
        ContradictingEvent: its order is known with other facts.
    """
    returns = [check_return(_cancellation_of(event)) for event in {event.order_id: event for event in cancelled}.values()]
    purchases = distinct(r.purchase for r in returns)
    _tell(uow, await repository.post_returns(uow.connection, PROGRAMME_ID, purchases, returns))


def _return_of(event: OrderReturned) -> Return:
    purchase = Purchase(event.order_id, event.customer_id, event.placed_at, event.order_amount_minor)
    return Return(event.return_id, purchase, event.returned_at, event.amount_minor)


def _cancellation_of(event: OrderCancelled) -> Return:
    purchase = Purchase(event.order_id, event.customer_id, event.placed_at, event.order_amount_minor)
    return Return(event.order_id, purchase, event.cancelled_at, None)


def _tell(uow: UnitOfWork, posted: Sequence[Posted]) -> None:
    for entry in posted:
        uow.publish(event_of_order(entry), sequence=entry.sequence)


async def _told(uow: UnitOfWork, answer: Answer, programme_id: str | None = None) -> list[Outcome]:
    lines = [line for outcome in answer.outcomes if outcome.status == "posted" for line in outcome.lines]
    if programme_id is None:
        await tell(uow, lines)
    else:
        for line in lines:
            uow.publish(event_of(line, programme_id), sequence=line.sequence)
    await tell(uow, answer.revived)
    return answer.outcomes
