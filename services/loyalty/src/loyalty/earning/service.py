"""How members earn: orders by the rules of their day, or by the programme's rate where there are none; and everything else by rules only.

    outcomes = await earning.earn(uow, [Occasion("referral_completed", referral_id, customer_id, now, {"side": "referrer"})])

An occasion is named by its trigger and source for ever: the same again changes nothing. Each rule makes an entry of its own, with the
source `<source>:<rule>`; what the rules looked at is kept beside, so that the entry can be evaluated again and erased apart from it.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from loyalty.earning import repository
from loyalty.earning.repository import NewAward
from loyalty.earning.rules import limits_of, order_facts
from loyalty.ledger import service as ledger
from loyalty.ledger.rules import Grant, Purchase, check_purchase, distinct
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules import repository as rules_repository
from loyalty.rules.rules import Award, Occasion, Rule, evaluate, in_force
from shared.contracts.customers import OrderPlaced
from shared.database.unit_of_work import UnitOfWork

ORDER = "order_placed"


async def accrue(uow: UnitOfWork, orders: Sequence[OrderPlaced]) -> list[str]:
    """Give the members what their orders earn; return the ids of those that were decided by rules.

    An order is decided by the rules of the day on which it was placed, when there were any, else by the rate of that day. What is known
    already stays as it was decided.

    Raises:
        UnusableEvent: an order holds a value that no order can have.
        ContradictingEvent: an order is known with other facts.
    """
    versions = await rules_repository.published(uow.connection, PROGRAMME_ID)
    ruled = [order for order in orders if in_force(versions, ORDER, order.placed_at)]
    if not ruled:
        await ledger.accrue(uow, orders)
        return []
    distinct(check_purchase(Purchase(o.order_id, o.customer_id, o.placed_at, o.amount_minor)) for o in orders)
    # All members of the batch at once: two calls that lock after each other could wait for another batch in a ring.
    await repository.lock(uow.connection, PROGRAMME_ID, [order.customer_id for order in orders])
    chosen = {order.order_id for order in ruled}
    await ledger.accrue(uow, [order for order in orders if order.order_id not in chosen])
    first_told: dict[str, OrderPlaced] = {}
    for order in ruled:
        first_told.setdefault(order.order_id, order)
    fresh = await repository.remember_orders(uow.connection, PROGRAMME_ID, list(first_told.values()))
    await _post(uow, versions, await _occasions(uow, [order for order in first_told.values() if order.order_id in fresh]))
    return [order_id for order_id in first_told if order_id in fresh]


async def earn(uow: UnitOfWork, occasions: Sequence[Occasion]) -> None:
    """Give what rules give for occasions that are no orders; those known already change nothing."""
    versions = await rules_repository.published(uow.connection, PROGRAMME_ID)
    told = [o for o in occasions if in_force(versions, o.trigger, o.occurred_at)]
    if told:
        await repository.lock(uow.connection, PROGRAMME_ID, [occasion.customer_id for occasion in told])
        known = await repository.traits(uow.connection, [(o.customer_id, o.occurred_at) for o in told])
        seen = [
            Occasion(o.trigger, o.source_id, o.customer_id, o.occurred_at, o.facts, {**traits, **o.traits})
            for o, (traits, _) in zip(told, known, strict=True)
        ]
        await _post(uow, versions, seen)


async def zone_of(uow: UnitOfWork) -> ZoneInfo:
    """Return the zone by which the programme tells days apart."""
    return ZoneInfo(await repository.zone(uow.connection, PROGRAMME_ID))


async def _occasions(uow: UnitOfWork, orders: Sequence[OrderPlaced]) -> list[Occasion]:
    zone = await zone_of(uow)
    known = await repository.traits(uow.connection, [(order.customer_id, order.placed_at) for order in orders])
    earliest: dict[str, tuple] = {}
    for order in orders:
        key = (order.placed_at, order.order_id)
        earliest[order.customer_id] = min(earliest.get(order.customer_id, key), key)
    return [
        Occasion(
            ORDER,
            order.order_id,
            order.customer_id,
            order.placed_at,
            order_facts(order, zone, first_purchase=is_first and earliest[order.customer_id][1] == order.order_id),
            traits,
        )
        for order, (traits, is_first) in zip(orders, known, strict=True)
    ]


async def _post(uow: UnitOfWork, versions: Sequence[Rule], occasions: Sequence[Occasion]) -> None:
    if not occasions:
        return
    ruled = [(occasion, in_force(versions, occasion.trigger, occasion.occurred_at)) for occasion in occasions]
    new = await repository.add_occasions(uow.connection, [(occasion, sorted(r.name for r in rules)) for occasion, rules in ruled])
    given: list[tuple[Occasion, Award]] = []
    for occasion, rules in ruled:
        if occasion.source_id in new:
            # Named twice in a batch it is evaluated once.
            new.discard(occasion.source_id)
            given += [(occasion, award) for award in evaluate(rules, occasion)]
    await _grant(uow, given, await _allot(uow, given))


async def _allot(uow: UnitOfWork, given: Sequence[tuple[Occasion, Award]]) -> list[tuple[int | None, list[str]]]:
    zone = await zone_of(uow) if any(a.rule.customer_limit or a.rule.budget for _, a in given) else ZoneInfo("UTC")
    wanted, periods = [], defaultdict(list)
    for item, (occasion, award) in enumerate(given):
        for customer_id, period, limit in limits_of(award.rule, occasion.customer_id, occasion.occurred_at, zone):
            wanted.append((item, award.rule.id, customer_id, period, limit, award.points))
            periods[item].append(f"{customer_id}|{period}")
    allowed = await repository.allot(uow.connection, wanted)
    return [(allowed.get(item), periods[item]) for item in range(len(given))]


async def _grant(uow: UnitOfWork, given: Sequence[tuple[Occasion, Award]], allotted: Sequence[tuple[int | None, list[str]]]) -> None:
    grants, places = [], []
    for place, ((occasion, award), (allowed, _)) in enumerate(zip(given, allotted, strict=True)):
        points = award.points if allowed is None else allowed
        if points > 0:
            grants.append(grant_of(occasion, award, points, f"{occasion.source_id}:{award.rule.id}", allowed=allowed))
            places.append(place)
    outcomes = dict(zip(places, await ledger.grant(uow, grants), strict=True))
    awards = []
    for place, ((occasion, award), (allowed, periods)) in enumerate(zip(given, allotted, strict=True)):
        outcome = outcomes.get(place)
        is_posted = outcome is not None and outcome.status == "posted"
        kept = (award.points if allowed is None else allowed) if is_posted else 0
        entry_id = outcome.lines[0].entry_id if outcome is not None and is_posted else None
        rule = award.rule
        awards.append(
            NewAward(
                occasion.trigger, occasion.source_id, rule.id, rule.version, rule.wallet, award.points, allowed, kept, periods, entry_id
            )
        )
    await repository.add_awards(uow.connection, awards)


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
