"""What rules would give: one order at once, a change of rules over all history as a job. Nothing is posted."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.earning import repository as earning
from loyalty.earning.rules import calendar
from loyalty.earning.standing import schemes_of, with_tiers
from loyalty.ledger.rules import points_for
from loyalty.programmes import repository as programme_repository
from loyalty.programmes import service as programmes
from loyalty.programmes.rules import Programme
from loyalty.rules.conditions import check
from loyalty.rules.rules import Occasion, Rule, evaluate
from loyalty.rules.schemas import RuleTerms, rule_of
from loyalty.simulations import repository
from loyalty.simulations.rules import Difference, Shadow, changed
from loyalty.simulations.schemas import SimulatedAward, SimulatedOrder, SimulatedPoints, Simulation, SimulationRequest
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.jobs import Job, enqueue

HISTORY = "loyalty_simulation"
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
# Orders between two signs of life.
_STEP = 500


async def simulate(uow: UnitOfWork, wanted: SimulationRequest, *, caller: str, now: datetime) -> Simulation:
    """Return what an order would earn, or queue the job that looks at all history.

    Raises:
        ProgrammeNotFound: there is no such programme.
        ConditionInvalid: the condition of a change cannot be used.
    """
    for change in wanted.changes:
        if change.terms is not None and change.terms.condition is not None:
            check(change.terms.condition)
    programme_id = await programmes.require(uow.connection, wanted.programme_id)
    if wanted.order is None:
        total = await repository.count(uow.connection, now)
        arguments = wanted.model_dump(mode="json", exclude={"order"}) | {"until": now.isoformat()}
        return Simulation(job_id=await enqueue(uow, HISTORY, arguments, caller=caller, total=total))
    before, after = await _programmes(uow.connection, programme_id, {c.rule_id: _rule(c.rule_id, c.terms) for c in wanted.changes})
    order = await occasion_of(uow.connection, before.zone, wanted.order, now)
    [order] = await with_tiers(uow.connection, before, [order], await schemes_of(uow.connection, before))
    first, second = await points_of(uow.connection, before, order), await points_of(uow.connection, after, order)
    return Simulation(before=first, after=second, difference=second.points - first.points)


async def over_history(job: Job) -> Mapping[str, Any]:
    """Evaluate all orders that the ledger remembers by the rules as they are and as they would be; starts anew after a crash."""
    wanted = SimulationRequest.model_validate({name: value for name, value in job.arguments.items() if name != "until"})
    changes = {c.rule_id: _rule(c.rule_id, c.terms) for c in wanted.changes}
    difference = Difference()
    async with job.database.acquire() as connection:
        programme_id = await programmes.require(connection, wanted.programme_id)
        before, after = (Shadow(programme) for programme in await _programmes(connection, programme_id, changes))
        rates = await repository.rates(connection)
        async for order in repository.history(connection, before.programme, datetime.fromisoformat(job.arguments["until"])):
            rate = rates.at(order.occurred_at)
            difference.add(order.customer_id, before.points(order, rate), after.points(order, rate))
            if difference.orders % _STEP == 0:
                await job.progress(difference.orders)
                await asyncio.sleep(0)
    await job.progress(difference.orders)
    return difference.report(wanted.cost_per_point_micro, wanted.top)


async def _programmes(connection: Connection, programme_id: str, changes: Mapping[str, Rule | None]) -> tuple[Programme, Programme]:
    """Return a programme as it is and as it would be; of a draft as it would be once all of it is published."""
    if (await programmes.found(connection, programme_id)).published_at is None:
        drafted = await programme_repository.one(connection, programme_id, drafted=True)
        return replace(drafted, rules=(), rates=()), replace(drafted, rules=changed(drafted.rules, changes))
    present = await programme_repository.one(connection, programme_id)
    return present, replace(present, rules=changed(present.rules, changes))


async def occasion_of(connection: Connection, zone: ZoneInfo, order: SimulatedOrder, now: datetime) -> Occasion:
    """Return an order that nobody placed as the rules of a programme with this zone see it, but for the customer's tier."""
    placed_at = order.placed_at or now
    lines = [line.model_dump() for line in order.lines]
    traits, is_first = {}, True
    if order.customer_id is not None:
        [(traits, is_first)] = await earning.traits(connection, [(order.customer_id, placed_at)])
    facts = {
        "amount_minor": sum(line["amount_minor"] for line in lines),
        "currency": order.currency,
        "channel": order.channel,
        "shop": order.shop,
        "lines": lines,
        "quantity": sum(line["quantity"] for line in lines),
        "first_purchase": is_first,
        **calendar(placed_at, zone),
    }
    return Occasion("order_placed", "simulated", order.customer_id or "nobody", placed_at, facts, traits)


async def points_of(connection: Connection, programme: Programme, order: Occasion) -> SimulatedPoints:
    """Return what an order that nobody placed would earn in a programme; limits are not asked."""
    rules = programme.rules_at(order.trigger, order.occurred_at)
    if not rules and programme.is_default:
        rate = (await repository.rates(connection)).at(order.occurred_at)
        return SimulatedPoints(points=points_for(order.facts["amount_minor"], rate), decided_by="rate", awards=[])
    if not rules:
        return SimulatedPoints(points=0, decided_by="nothing", awards=[])
    awards = evaluate(rules, order)
    shown = [SimulatedAward(rule=a.rule.name, wallet=a.rule.wallet, points=a.points, step=dict(a.step)) for a in awards]
    return SimulatedPoints(points=sum(award.points for award in awards), decided_by="rules", awards=shown)


def _rule(rule_id: str, terms: RuleTerms | None) -> Rule | None:
    return rule_of(rule_id, 0, terms, _ALWAYS) if terms is not None else None
