"""How members earn: orders by the rules of their day, or by the programme's rate where there are none; and everything else by rules only.

Every programme that runs sees what happened for itself. As long as only the default one does, and has no rules, orders take the ledger's
set-based path and nothing else.

    outcomes = await earning.earn(uow, [Occasion("referral_completed", referral_id, customer_id, now, {"side": "referrer"})])

An occasion is named by its trigger and source for ever: the same again changes nothing. Each rule makes an entry of its own, with the
source `<source>:<rule>`; what the rules looked at is kept beside, so that the entry can be evaluated again and erased apart from it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from loyalty.earning import repository
from loyalty.earning.repository import HeardOrder, NewAward
from loyalty.earning.rules import calendar, limits_of, order_facts
from loyalty.earning.standing import rounds, schemes_of, with_tiers
from loyalty.ledger import service as ledger
from loyalty.ledger.rules import Grant, Purchase, check_moment, check_purchase, distinct
from loyalty.participations.repository import absent
from loyalty.programmes.rules import ORDER, Programme
from loyalty.programmes.service import running
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.rules import Award, Occasion, evaluate
from shared.contracts.customers import OrderPlaced
from shared.database.unit_of_work import UnitOfWork


async def programmes_of(uow: UnitOfWork, orders: Sequence[OrderPlaced]) -> list[Programme]:
    """Return the programmes that run when orders are placed.

    Raises:
        UnusableEvent: an order was placed at a moment at which none can be.
    """
    for order in orders:
        check_moment("placed_at", order.placed_at)
    return await running(uow.connection, [order.placed_at for order in orders])


class Accrued(NamedTuple):
    """What has become of orders.

    Attributes:
        awaited: the ids of those that rules have decided and that returns wait for.
        looked_at: of each order that rules have looked at what was known of its customer, and whether it was his first purchase.
    """

    awaited: Sequence[str] = ()
    looked_at: Mapping[str, tuple[Mapping[str, Any], bool]] = {}


async def accrue(uow: UnitOfWork, orders: Sequence[OrderPlaced], programmes: Sequence[Programme] | None = None) -> Accrued:
    """Give the members what their orders earn in each programme that runs.

    In the default programme an order is decided by the rules of the day on which it was placed, when there were any, else by the rate of
    that day; in each other likewise, where its rate is one more rule. What is known already stays as it was decided.

    Args:
        uow: of the caller, who commits it.
        orders: each perhaps known already.
        programmes: those that run when they are placed, where the caller has read them already.

    Raises:
        UnusableEvent: an order holds a value that no order can have.
        ContradictingEvent: an order is known with other facts.
    """
    programmes = await programmes_of(uow, orders) if programmes is None else programmes
    if not any(programme.has(ORDER) for programme in programmes):
        await ledger.accrue(uow, orders)
        return Accrued()
    distinct(check_purchase(Purchase(o.order_id, o.customer_id, o.placed_at, o.amount_minor)) for o in orders)
    first_told = list({order.order_id: order for order in reversed(orders)}.values())[::-1]
    default = next((programme for programme in programmes if programme.is_default), None)
    ruled = {o.order_id for o in first_told if default is not None and default.rules_at(ORDER, o.placed_at)}
    # All members of the batch are locked at once: two calls that lock after each other could wait for another batch in a ring.
    heard = await repository.hear_orders(uow.connection, PROGRAMME_ID, first_told, ruled)
    if len(ruled) < len(first_told):
        await ledger.accrue(uow, [order for order in first_told if order.order_id not in ruled])
    if ruled and any(each.is_put_off for each in heard.values()):
        await ledger.revive(uow, [(order.customer_id, order.placed_at) for order in first_told if order.order_id in ruled])
    seen = await _decide_orders(uow, programmes, [o for o in first_told if not heard[o.order_id].is_decided], heard)
    return Accrued([order_id for order_id in seen if heard[order_id].is_awaited], seen)


async def earn(
    uow: UnitOfWork, occasions: Sequence[Occasion], programme_id: str | None = None, programmes: Sequence[Programme] | None = None
) -> None:
    """Give what rules give for occasions that are no orders; those known already change nothing.

    Args:
        uow: of the caller, who commits it.
        occasions: each programme adds the date and hour by its own clock to the facts.
        programme_id: the one that it is an occasion of; every one that runs at its moment when None.
        programmes: those that run at their moments, where the caller has read them already.
    """
    if programmes is None:
        programmes = await running(uow.connection, [occasion.occurred_at for occasion in occasions])
    told = {
        programme: some
        for programme in programmes
        if programme_id in (None, programme.id) and (some := [o for o in occasions if programme.rules_at(o.trigger, o.occurred_at)])
    }
    if not told:
        return
    # Named twice it is decided once.
    meant = {(o.trigger, o.source_id): o for some in told.values() for o in reversed(some)}
    seen = await repository.hear_occasions(uow.connection, PROGRAMME_ID, list(meant.values()))
    known = await repository.traits(uow.connection, [(o.customer_id, o.occurred_at) for o in meant.values()])
    heard = {key: (seen_by, traits) for key, seen_by, (traits, _) in zip(meant, seen, known, strict=True)}
    for programme, some in told.items():
        completed = []
        for o in some:
            seen_by, traits = heard[o.trigger, o.source_id]
            if programme.id not in seen_by and meant[o.trigger, o.source_id] is o:
                completed.append(replace(o, facts={**o.facts, **calendar(o.occurred_at, programme.zone)}, traits={**traits, **o.traits}))
        await _post(uow, programme, completed)


async def _decide_orders(
    uow: UnitOfWork, programmes: Sequence[Programme], orders: Sequence[OrderPlaced], heard: Mapping[str, HeardOrder]
) -> Mapping[str, tuple[Mapping[str, Any], bool]]:
    """Give what each programme's rules give for orders that are not decided; return what they saw of those that one has looked at."""
    told: dict[Programme, list[OrderPlaced]] = {}
    for programme in programmes:
        fresh = [o for o in orders if programme.id not in heard[o.order_id].seen_by and programme.rules_at(ORDER, o.placed_at)]
        # What the default one gave points for by its rate it has decided.
        told[programme] = [o for o in fresh if not programme.is_default or heard[o.order_id].is_new]
    looked_at = {order.order_id for some in told.values() for order in some}
    meant = [order for order in orders if order.order_id in looked_at]
    if not meant:
        return {}
    known = await repository.traits(uow.connection, [(order.customer_id, order.placed_at) for order in meant])
    firsts = {order.customer_id: order.order_id for order in sorted(meant, key=lambda o: (o.placed_at, o.order_id), reverse=True)}
    seen = {
        o.order_id: (traits, is_first and firsts[o.customer_id] == o.order_id) for o, (traits, is_first) in zip(meant, known, strict=True)
    }
    for programme, some in told.items():
        await _post(uow, programme, [_occasion(programme, order, *seen[order.order_id]) for order in some])
    return seen


def _occasion(programme: Programme, order: OrderPlaced, traits: Mapping[str, Any], is_first: bool) -> Occasion:  # noqa: FBT001
    facts = order_facts(order, programme.zone, first_purchase=is_first)
    return Occasion(ORDER, order.order_id, order.customer_id, order.placed_at, facts, traits)


async def _post(uow: UnitOfWork, programme: Programme, occasions: Sequence[Occasion]) -> None:
    """Give what a programme's rules give for occasions that it did not see yet, unless it is one of somebody who has left it."""
    if occasions and not programme.is_default:
        away = await absent(uow.connection, programme.id, [(o.customer_id, o.occurred_at) for o in occasions])
        occasions = [o for o in occasions if (o.customer_id, o.occurred_at) not in away]
    if not occasions:
        return
    schemes = await schemes_of(uow.connection, programme)
    for part in rounds(occasions, schemes):
        await _decide(uow, programme, await with_tiers(uow.connection, programme, part, schemes))


async def _decide(uow: UnitOfWork, programme: Programme, occasions: Sequence[Occasion]) -> None:
    ruled = [(occasion, programme.rules_at(occasion.trigger, occasion.occurred_at)) for occasion in occasions]
    given = [(occasion, award) for occasion, rules in ruled for award in evaluate(rules, occasion)]
    awards = await _grant(uow, programme, given, await _allot(uow, programme, given))
    named = [(occasion, sorted(rule.name for rule in rules)) for occasion, rules in ruled]
    await repository.keep_decisions(uow.connection, programme.id, named, awards)


async def _allot(uow: UnitOfWork, programme: Programme, given: Sequence[tuple[Occasion, Award]]) -> list[tuple[int | None, list[str]]]:
    wanted, periods = [], defaultdict(list)
    for item, (occasion, award) in enumerate(given):
        for customer_id, period, limit in limits_of(award.rule, occasion.customer_id, occasion.occurred_at, programme.zone):
            wanted.append((item, award.rule.id, customer_id, period, limit, award.points))
            periods[item].append(f"{customer_id}|{period}")
    allowed = await repository.allot(uow.connection, wanted)
    return [(allowed.get(item), periods[item]) for item in range(len(given))]


async def _grant(
    uow: UnitOfWork,
    programme: Programme,
    given: Sequence[tuple[Occasion, Award]],
    allotted: Sequence[tuple[int | None, list[str]]],
) -> list[NewAward]:
    grants, places = [], []
    for place, ((occasion, award), (allowed, _)) in enumerate(zip(given, allotted, strict=True)):
        points = award.points if allowed is None else allowed
        if points > 0:
            grants.append(grant_of(occasion, award, points, f"{occasion.source_id}:{award.rule.id}", allowed=allowed))
            places.append(place)
    outcomes = dict(zip(places, await ledger.grant(uow, grants, programme_id=programme.id), strict=True))
    awards: list[NewAward] = []
    for place, ((occasion, award), (allowed, periods)) in enumerate(zip(given, allotted, strict=True)):
        outcome = outcomes.get(place)
        is_posted = outcome is not None and outcome.status == "posted"
        kept = (award.points if allowed is None else allowed) if is_posted else 0
        entry_id = outcome.lines[0].entry_id if outcome is not None and is_posted else None
        awards.append(new_award(occasion, award, allowed, kept, periods, entry_id))
    return awards


def new_award(occasion: Occasion, award: Award, allowed: int | None, kept: int, periods: Sequence[str], entry_id: str | None) -> NewAward:
    """Return what a rule gave for an occasion as it is kept."""
    rule = award.rule
    return NewAward(
        occasion.trigger,
        occasion.source_id,
        rule.programme_id,
        rule.id,
        rule.version,
        rule.wallet,
        award.points,
        allowed,
        kept,
        periods,
        entry_id,
    )


def grant_of(occasion: Occasion, award: Award, points: int, source_id: str, *, allowed: int | None = None) -> Grant:
    """Return the posting of an award; its explanation holds figures only, never what was bought or who somebody is."""
    rule = award.rule
    explanation = {"rule": rule.name, "trigger": occasion.trigger, "step": dict(award.step), "earned": award.points, "points": points}
    if allowed is not None:
        explanation["allowed"] = allowed
    day = timedelta(days=1)
    return Grant(
        occasion.customer_id,
        points,
        source_id,
        occasion.occurred_at,
        wallet=rule.wallet,
        available_from=occasion.occurred_at + rule.pending_days * day if rule.pending_days else None,
        expires_at=occasion.occurred_at + rule.expires_days * day if rule.expires_days else None,
        order_id=occasion.source_id if occasion.trigger == ORDER else None,
        rule_version=rule.name,
        explanation=explanation,
    )
