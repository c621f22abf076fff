"""What counts for challenges as it happens, and what comes back.

An event is looked at by every challenge that runs at its moment. How much of it counts is kept, so that duplicates, late events and returns
end the same in whatever order they are told. After each change the families concerned are counted under a lock: on from where they stood,
or anew where the change is not later than all that has counted. A challenge that is met gives its reward once, and one that rested on what
came back is taken with its points and badge. Vouchers that were used stay used.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

from loyalty.challenges import repository
from loyalty.challenges.repository import ChallengeRow, Completed, Counted, Locked
from loyalty.challenges.rewarding import Cause, reward, take
from loyalty.challenges.rules import Challenge, Fact, Tally, advance, amount_of, progress, tally_of, told_tally
from loyalty.earning import repository as earning
from loyalty.earning.rules import Back, calendar, interaction, left_of, order_facts, response
from loyalty.programmes.rules import Programme
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.conditions import Scene
from loyalty.rules.rules import Occasion
from loyalty.tiers import service as tiers
from shared.contracts.customers import InteractionRecorded, OrderCancelled, OrderPlaced, OrderReturned
from shared.contracts.feedback import ResponseRecorded
from shared.database.unit_of_work import UnitOfWork

ORDER = "order_placed"


async def ordered(
    uow: UnitOfWork,
    orders: Sequence[OrderPlaced],
    programmes: Sequence[Programme] | None = None,
    looked_at: Mapping[str, tuple[Mapping[str, Any], bool]] | None = None,
) -> None:
    """Count orders.

    Args:
        uow: of the caller, who has posted them.
        orders: each perhaps known already.
        programmes: those that run when they are placed, where the caller has read them already.
        looked_at: what is known of the customers, and whether it is the first purchase, of those of which the caller knows it already.
    """
    found = await _looking(uow, ORDER, [order.placed_at for order in orders])
    if not found:
        return
    known = [looked_at[o.order_id] for o in orders] if looked_at and all(o.order_id in looked_at for o in orders) else None
    # The date is that of each programme, so it is added when a challenge looks.
    told = [
        Occasion(ORDER, o.order_id, o.customer_id, o.placed_at, order_facts(o, found[0].rule.zone, first_purchase=False)) for o in orders
    ]
    seen = await _with_traits(uow, found, told, known)
    apart = await repository.add_orders(uow.connection, seen)
    counted = _counted(found, [(order, order) for order in seen if order.source_id not in apart])
    await _count(uow, found, [*counted, *await _left(uow, found, apart)], programmes=programmes)


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
    await _count(uow, await repository.begun(uow.connection, ids), [], moved=ids)


async def _looking(uow: UnitOfWork, trigger: str, moments: Sequence[datetime]) -> list[ChallengeRow]:
    return await repository.live(uow.connection, trigger, min(moments), max(moments)) if moments else []


async def _happened(uow: UnitOfWork, trigger: str, occasions: Sequence[Occasion]) -> None:
    found = await _looking(uow, trigger, [occasion.occurred_at for occasion in occasions])
    if found:
        seen = await _with_traits(uow, found, occasions)
        await _count(uow, found, [one for one in _counted(found, [(occasion, occasion) for occasion in seen]) if one.amount])


async def _with_traits(
    uow: UnitOfWork,
    found: Sequence[ChallengeRow],
    occasions: Sequence[Occasion],
    known: Sequence[tuple[Mapping[str, Any], bool]] | None = None,
) -> list[Occasion]:
    if known is None:
        known = await earning.traits(uow.connection, [(o.customer_id, o.occurred_at) for o in occasions])
    seen = [
        replace(o, traits={**traits, **o.traits}, facts={**o.facts, "first_purchase": is_first} if o.trigger == ORDER else o.facts)
        for o, (traits, is_first) in zip(occasions, known, strict=True)
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
        cause = Cause(last.order_id, last.return_id, last.returned_at)
        await _count(uow, found, await _left(uow, found, {back.order_id for back in backs}), cause)


async def _left(uow: UnitOfWork, found: Sequence[ChallengeRow], order_ids: Collection[str]) -> list[Counted]:
    """Return how much of orders that are known counts, less what came back."""
    if not order_ids:
        return []
    ids = sorted(order_ids)
    backs: dict[str, list[Back]] = defaultdict(list)
    for back in await repository.returns_of(uow.connection, ids):
        backs[back.order_id].append(back)
    left: list[tuple[Occasion, Occasion | None]] = []
    for order in await repository.orders(uow.connection, ids):
        facts = left_of(order.facts, backs[order.source_id])
        left.append((order, replace(order, facts=facts) if facts is not None else None))
    return _counted(found, left)


def _counted(found: Sequence[ChallengeRow], told: Sequence[tuple[Occasion, Occasion | None]]) -> list[Counted]:
    """Return how much of events counts for each challenge that looks at them: of what is left of each, if anything is."""
    counted: dict[tuple[str, str], Counted] = {}
    conditions = [row.rule.condition for row in found]
    for occasion, left in told:
        scenes: dict[str, tuple[Occasion, Scene]] = {}
        for rule in (row.rule for row in found if row.rule.counts(occasion.trigger, occasion.occurred_at)):
            amount = 0
            if left is not None:
                if rule.programme_id not in scenes:
                    seen = _seen_by(rule, left)
                    scenes[rule.programme_id] = seen, Scene(seen.variables, conditions)
                amount = amount_of(rule, *scenes[rule.programme_id])
            # Told twice it counts once.
            counted.setdefault(
                (rule.id, occasion.source_id), Counted(rule.id, occasion.source_id, occasion.customer_id, occasion.occurred_at, amount)
            )
    return list(counted.values())


def _seen_by(rule: Challenge, told: Occasion) -> Occasion:
    tier = told.traits.get("tiers", {}).get(rule.programme_id)
    return replace(told, facts={**told.facts, **calendar(told.occurred_at, rule.zone)}, traits={**told.traits, "tier": tier})


async def _count(
    uow: UnitOfWork,
    found: Sequence[ChallengeRow],
    counted: Sequence[Counted],
    cause: Cause | None = None,
    *,
    moved: Sequence[str] = (),
    programmes: Sequence[Programme] | None = None,
) -> None:
    if not found or not (counted or moved):
        return
    by_id = {challenge.id: challenge for challenge in found}
    rows: dict[tuple[str, str], list[Locked]] = defaultdict(list)
    for row in await repository.count(uow.connection, PROGRAMME_ID, found, counted, moved):
        rows[row.challenge_id, row.root].append(row)
    settled = [_settled(by_id[challenge_id], root, some, cause) for (challenge_id, root), some in sorted(rows.items())]
    await repository.dated(uow.connection, [one for each in settled for one in each.dated])
    met = [one for each in settled for one in each.met]
    if programmes is not None:
        # What is heard of late may let something be met at another time, when other programmes ran.
        moments = [one.occurred_at for one in counted]
        programmes = programmes if all(min(moments) <= one.at <= max(moments) for one in met) else None
    await reward(uow, [each.tally for each in settled], met, programmes)
    if cause is not None:
        await take(uow, [(each.challenge, completion_id) for each in settled for completion_id in each.taken], cause)


class _Settled(NamedTuple):
    """What is to be done about a challenge and a family."""

    challenge: ChallengeRow
    tally: tuple[str, str, dict[str, Any] | None]
    met: Sequence[Completed]
    dated: Sequence[tuple[str, datetime]] = ()
    taken: Sequence[str] = ()


def _settled(challenge: ChallengeRow, root: str, rows: Sequence[Locked], cause: Cause | None) -> _Settled:
    known = next(row.tally for row in rows if row.kind == "pair")
    if known is None:
        return _counted_anew(challenge, root, rows, cause)
    before, later = tally_of(known, _facts(rows))
    tally, met = advance(challenge.rule, before, later)
    new = [Completed(challenge, root, number, at) for number, at in enumerate(met, before.met + 1)]
    return _Settled(challenge, (challenge.id, root, told_tally(tally, challenge.zone)), new)


def _counted_anew(challenge: ChallengeRow, root: str, rows: Sequence[Locked], cause: Cause | None) -> _Settled:
    rule = challenge.rule
    tally, met = advance(rule, Tally(), _facts(rows))
    done = sorted((row for row in rows if row.kind == "done"), key=lambda row: (row.moment, row.customer_id, row.amount))
    dated = [(row.source_id, at) for row, at in zip(done, met, strict=False) if row.moment != at]
    own = {row.amount for row in done if row.customer_id == root}
    # Who had lost one gets that one again.
    free = (number for number in count(1) if number not in own)
    new = [Completed(challenge, root, next(free), at) for at in met[len(done) :]]
    taken: list[Locked] = []
    if cause is not None:
        # What each of a family had met by himself before they were one stays met.
        members = {row.customer_id for row in rows}
        kept = max(len(met), sum(len(progress(rule, _facts(rows, one)).completed) for one in members))
        taken = done[kept:][::-1]
    # Only where what is met is what was given, to the family's root and one after the other, can the next time be counted from here.
    stay = {(row.customer_id, row.amount) for row in done if row not in taken} | {(root, one.number) for one in new}
    told = told_tally(tally, challenge.zone) if stay == {(root, number) for number in range(1, len(met) + 1)} else None
    return _Settled(challenge, (challenge.id, root, told), new, dated, [row.source_id for row in taken])


def _facts(rows: Sequence[Locked], customer_id: str | None = None) -> list[Fact]:
    return [
        Fact(row.moment, row.source_id, row.amount)
        for row in rows
        if row.kind == "fact" and (customer_id is None or row.customer_id == customer_id)
    ]
