"""What counts for challenges as it happens, and what comes back.

An event is looked at by every challenge that runs at its moment. How much of it counts is kept, so that duplicates, late events and returns
end the same in whatever order they are told. After each change the families concerned are counted anew under a lock: a challenge that is
met gives its reward once, and one that rested on what came back is taken with its points and badge. Vouchers that were used stay used.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from loyalty.challenges import repository
from loyalty.challenges.repository import ChallengeRow, Counted, Locked
from loyalty.challenges.rewarding import Cause, reward, take
from loyalty.challenges.rules import Challenge, Fact, amount_of, progress
from loyalty.earning import repository as earning
from loyalty.earning.rules import Back, calendar, interaction, left_of, order_facts, response
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.rules import Occasion
from loyalty.tiers import service as tiers
from shared.contracts.customers import InteractionRecorded, OrderCancelled, OrderPlaced, OrderReturned
from shared.contracts.feedback import ResponseRecorded
from shared.database.unit_of_work import UnitOfWork

ORDER = "order_placed"


async def ordered(uow: UnitOfWork, orders: Sequence[OrderPlaced]) -> None:
    """Count orders."""
    found = await _looking(uow, ORDER, [order.placed_at for order in orders])
    if not found:
        return
    # The date is that of each programme, so it is added when a challenge looks.
    told = [
        Occasion(ORDER, o.order_id, o.customer_id, o.placed_at, order_facts(o, found[0].rule.zone, first_purchase=False)) for o in orders
    ]
    seen = await _with_traits(uow, found, told)
    await repository.add_orders(uow.connection, seen)
    await _count_orders(uow, found, [order.order_id for order in orders])


async def returned(uow: UnitOfWork, returns: Sequence[OrderReturned]) -> None:
    """Count orders anew without what came back of them."""
    backs = [
        Back(r.return_id, r.order_id, r.customer_id, r.returned_at, r.amount_minor, [line.model_dump(mode="json") for line in r.lines])
        for r in returns
    ]
    await _come_back(uow, await _looking(uow, ORDER, [event.placed_at for event in returns]), backs)


async def cancelled(uow: UnitOfWork, cancellations: Sequence[OrderCancelled]) -> None:
    """Count cancelled orders no more."""
    backs = [Back(c.order_id, c.order_id, c.customer_id, c.cancelled_at, None) for c in cancellations]
    await _come_back(uow, await _looking(uow, ORDER, [event.placed_at for event in cancellations]), backs)


async def interacted(uow: UnitOfWork, events: Sequence[InteractionRecorded]) -> None:
    """Count visits and other interactions."""
    await _happened(uow, "interaction_recorded", [interaction(event) for event in events])


async def responded(uow: UnitOfWork, events: Sequence[ResponseRecorded]) -> None:
    """Count answers to surveys; those of nobody known count for nobody."""
    await _happened(uow, "response_recorded", [told for event in events if (told := response(event)) is not None])


async def moved(uow: UnitOfWork, customer_ids: Iterable[str]) -> None:
    """Count for customers who belong together now, or no more; what each has met stays."""
    ids = sorted(set(customer_ids))
    found = await repository.begun(uow.connection, ids)
    await _recount(uow, found, ids, None)


async def _looking(uow: UnitOfWork, trigger: str, moments: Sequence[datetime]) -> list[ChallengeRow]:
    return await repository.live(uow.connection, trigger, min(moments), max(moments)) if moments else []


async def _happened(uow: UnitOfWork, trigger: str, occasions: Sequence[Occasion]) -> None:
    found = await _looking(uow, trigger, [occasion.occurred_at for occasion in occasions])
    if found:
        seen = await _with_traits(uow, found, occasions)
        counted = [one for occasion in seen for one in _counted(found, occasion, occasion) if one.amount]
        await repository.count(uow.connection, _each_once(counted))
        await _recount(uow, found, sorted({one.customer_id for one in counted}), None)


async def _with_traits(uow: UnitOfWork, found: Sequence[ChallengeRow], occasions: Sequence[Occasion]) -> list[Occasion]:
    traits = await earning.traits(uow.connection, [(o.customer_id, o.occurred_at) for o in occasions])
    seen = [
        replace(o, traits=known | dict(o.traits), facts={**o.facts, "first_purchase": is_first} if o.trigger == ORDER else o.facts)
        for o, (known, is_first) in zip(occasions, traits, strict=True)
    ]
    # Each programme has its own tiers, and few conditions ask for them.
    for programme_id in sorted({one.programme_id for one in found if "tier" in (one.terms["condition"] or "")}):
        stood = await tiers.standings_at(uow.connection, programme_id, [(o.customer_id, o.occurred_at) for o in seen])
        seen = [
            replace(o, traits={**o.traits, "tiers": o.traits.get("tiers", {}) | {programme_id: standing.tier}})
            for o, standing in zip(seen, stood, strict=True)
        ]
    return seen


async def _come_back(uow: UnitOfWork, found: Sequence[ChallengeRow], backs: Sequence[Back]) -> None:
    if found:
        await repository.add_returns(uow.connection, backs)
        last = max(backs, key=lambda back: (back.returned_at, back.return_id))
        await _count_orders(uow, found, [back.order_id for back in backs], Cause(last.order_id, last.return_id, last.returned_at))


async def _count_orders(uow: UnitOfWork, found: Sequence[ChallengeRow], order_ids: Sequence[str], cause: Cause | None = None) -> None:
    ids = sorted(set(order_ids))
    backs: dict[str, list[Back]] = defaultdict(list)
    for back in await repository.returns_of(uow.connection, ids):
        backs[back.order_id].append(back)
    counted: list[Counted] = []
    for order in await repository.orders(uow.connection, ids):
        left = left_of(order.facts, backs[order.source_id])
        counted += _counted(found, order, replace(order, facts=left) if left is not None else None)
    await repository.count(uow.connection, counted)
    await _recount(uow, found, sorted({one.customer_id for one in counted}), cause)


def _counted(found: Sequence[ChallengeRow], told: Occasion, left: Occasion | None) -> list[Counted]:
    rules = [rule for row in found if (rule := row.rule).counts(told.trigger, told.occurred_at)]
    return [
        Counted(
            rule.id,
            told.source_id,
            told.customer_id,
            told.occurred_at,
            amount_of(rule, _seen_by(rule, left)) if left is not None else 0,
        )
        for rule in rules
    ]


def _seen_by(rule: Challenge, told: Occasion) -> Occasion:
    tier = told.traits.get("tiers", {}).get(rule.programme_id)
    return replace(told, facts={**told.facts, **calendar(told.occurred_at, rule.zone)}, traits={**told.traits, "tier": tier})


def _each_once(counted: Sequence[Counted]) -> list[Counted]:
    return list({(one.challenge_id, one.source_id): one for one in reversed(counted)}.values())


async def _recount(uow: UnitOfWork, found: Sequence[ChallengeRow], customer_ids: Sequence[str], cause: Cause | None) -> None:
    if not found or not customer_ids:
        return
    await earning.lock(uow.connection, PROGRAMME_ID, customer_ids)
    await earning.lock_pools(uow.connection, customer_ids)
    rows: dict[tuple[str, str], list[Locked]] = defaultdict(list)
    for row in await repository.lock_all(uow.connection, [one.id for one in found], customer_ids):
        rows[row.challenge_id, row.root].append(row)
    for challenge in sorted(found, key=lambda one: one.id):
        for (challenge_id, root), locked in sorted(rows.items()):
            if challenge_id == challenge.id:
                await _settle(uow, challenge, root, locked, cause)


async def _settle(uow: UnitOfWork, challenge: ChallengeRow, root: str, rows: Sequence[Locked], cause: Cause | None) -> None:
    rule = challenge.rule
    met = progress(rule, _facts(rows)).completed
    done = sorted((row for row in rows if row.kind == "done"), key=lambda row: (row.moment, row.customer_id, row.amount))
    for row, at in zip(done, met, strict=False):
        if row.moment != at:
            await repository.dated(uow.connection, row.source_id, at)
    own = {row.amount for row in done if row.customer_id == root}
    number = 0
    for at in met[len(done) :]:
        # Who had lost one gets that one again.
        number = next(n for n in range(number + 1, number + len(own) + 2) if n not in own)
        await reward(uow, challenge, root, number, at)
    if cause is not None:
        # What each of a family had met by himself before they were one stays met.
        members = {row.customer_id for row in rows}
        kept = max(len(met), sum(len(progress(rule, _facts(rows, one)).completed) for one in members))
        for row in reversed(done[kept:]):
            await take(uow, challenge, row.source_id, cause)


def _facts(rows: Sequence[Locked], customer_id: str | None = None) -> list[Fact]:
    return [
        Fact(row.moment, row.source_id, row.amount)
        for row in rows
        if row.kind == "fact" and (customer_id is None or row.customer_id == customer_id)
    ]
