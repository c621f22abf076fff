"""What rules would give: one order at once, a change of rules over all history as a job. Nothing is posted."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.earning import repository as earning
from loyalty.earning.rules import calendar
from loyalty.ledger.rules import points_for
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules import repository as rules_repository
from loyalty.rules.conditions import check
from loyalty.rules.rules import Occasion, Rule, evaluate, in_force
from loyalty.rules.schemas import TERMS, rule_of
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
        ConditionInvalid: the condition of a change cannot be used.
    """
    for change in wanted.changes:
        if change.terms is not None and change.terms.condition is not None:
            check(change.terms.condition)
    if wanted.order is None:
        total = await repository.count(uow.connection, PROGRAMME_ID, now)
        arguments = wanted.model_dump(mode="json", exclude={"order"}) | {"until": now.isoformat()}
        return Simulation(job_id=await enqueue(uow, HISTORY, arguments, caller=caller, total=total))
    versions = await rules_repository.published(uow.connection, PROGRAMME_ID)
    order = await _occasion(uow.connection, wanted.order, now)
    after = changed(versions, {c.rule_id: _rule(c.rule_id, c.terms.model_dump()) if c.terms else None for c in wanted.changes})
    first, second = await _points(uow.connection, versions, order), await _points(uow.connection, after, order)
    return Simulation(before=first, after=second, difference=second.points - first.points)


async def over_history(job: Job) -> Mapping[str, Any]:
    """Evaluate all orders that the ledger remembers by the rules as they are and as they would be; starts anew after a crash."""
    changes = {c["rule_id"]: _rule(c["rule_id"], c["terms"]) if c["terms"] else None for c in job.arguments["changes"]}
    difference = Difference()
    async with job.database.acquire() as connection:
        zone = ZoneInfo(await earning.zone(connection, PROGRAMME_ID))
        rates = await repository.rates(connection, PROGRAMME_ID)
        versions = await rules_repository.published(connection, PROGRAMME_ID)
        before, after = Shadow(versions, zone), Shadow(changed(versions, changes), zone)
        async for order in repository.history(connection, PROGRAMME_ID, datetime.fromisoformat(job.arguments["until"])):
            rate = rates.at(order.occurred_at)
            difference.add(order.customer_id, before.points(order, rate), after.points(order, rate))
            if difference.orders % _STEP == 0:
                await job.progress(difference.orders)
                await asyncio.sleep(0)
    await job.progress(difference.orders)
    return difference.report(job.arguments["cost_per_point_micro"], job.arguments["top"])


async def _occasion(connection: Connection, order: SimulatedOrder, now: datetime) -> Occasion:
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
        **calendar(placed_at, ZoneInfo(await earning.zone(connection, PROGRAMME_ID))),
    }
    return Occasion("order_placed", "simulated", order.customer_id or "nobody", placed_at, facts, traits)


async def _points(connection: Connection, versions: Sequence[Rule], order: Occasion) -> SimulatedPoints:
    rules = in_force(versions, order.trigger, order.occurred_at)
    if not rules:
        rate = (await repository.rates(connection, PROGRAMME_ID)).at(order.occurred_at)
        return SimulatedPoints(points=points_for(order.facts["amount_minor"], rate), decided_by="rate", awards=[])
    awards = evaluate(rules, order)
    shown = [SimulatedAward(rule=a.rule.name, wallet=a.rule.wallet, points=a.points, step=dict(a.step)) for a in awards]
    return SimulatedPoints(points=sum(award.points for award in awards), decided_by="rules", awards=shown)


def _rule(rule_id: str, terms: Mapping[str, Any]) -> Rule:
    return rule_of(rule_id, 0, TERMS.validate_python(terms), _ALWAYS)
