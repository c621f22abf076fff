"""What comes back of orders that earned by rules: each keeps what the rules of its day would have given for what is left of it.

So what an order keeps depends on the sum of its returns only. Where less of an order earns more, because a condition or a group then lets
another rule through, the difference is given. A limit bounds an award to what it allowed when the order was placed.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from loyalty.earning import repository
from loyalty.earning.repository import AwardRow, NewAward, Taking
from loyalty.earning.rules import Back, awards_after
from loyalty.earning.service import grant_of, new_award
from loyalty.ledger import service as ledger
from loyalty.ledger.errors import ContradictingEvent
from loyalty.ledger.events import event_of_order
from loyalty.ledger.repository import Posted
from loyalty.ledger.rules import Grant, Purchase, Return, check_moment, check_return, distinct
from loyalty.programmes.repository import named
from loyalty.programmes.rules import ORDER
from loyalty.programmes.service import running
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.rules import Award, Occasion, Rule, tier_rules
from shared.contracts.customers import OrderCancelled, OrderReturned
from shared.database.unit_of_work import UnitOfWork


@dataclass
class _Plan:
    """What is to be posted for a batch of returns."""

    takings: list[Taking] = field(default_factory=list)
    freed: list[tuple[str, str, str, int]] = field(default_factory=list)
    # By programme.
    grants: dict[str, list[tuple[str, Grant]]] = field(default_factory=lambda: defaultdict(list))
    new_awards: list[NewAward] = field(default_factory=list)
    awards: dict[tuple[str, str], AwardRow] = field(default_factory=dict)
    changed: set[tuple[str, str]] = field(default_factory=set)


async def reverse(uow: UnitOfWork, returned: Sequence[OrderReturned]) -> None:
    """Take back what orders no longer earn for what was returned of them.

    Raises:
        UnusableEvent: a return holds a value that no return can have.
        ContradictingEvent: a return or its order is known with other facts.
    """
    ruled, seen = await _by_rules(uow, returned)
    if not seen:
        await ledger.reverse(uow, returned)
        return
    checked = distinct(
        check_return(
            Return(e.return_id, Purchase(e.order_id, e.customer_id, e.placed_at, e.order_amount_minor), e.returned_at, e.amount_minor)
        )
        for e in returned
    )
    await _lock(uow, [event.customer_id for event in returned])
    await ledger.reverse(uow, [event for event in returned if event.order_id not in ruled])
    wanted = {r.return_id for r in checked if r.purchase.order_id in seen}
    first_told: dict[str, OrderReturned] = {}
    for event in returned:
        if event.return_id in wanted:
            first_told.setdefault(event.return_id, event)
    backs = [
        Back(e.return_id, e.order_id, e.customer_id, e.returned_at, e.amount_minor, [line.model_dump(mode="json") for line in e.lines])
        for e in first_told.values()
    ]
    await _keep(uow, backs)


async def cancel(uow: UnitOfWork, cancelled: Sequence[OrderCancelled]) -> None:
    """Take back all that cancelled orders still keep.

    Raises:
        UnusableEvent: a cancellation holds a value that none can have.
        ContradictingEvent: its order is known with other facts.
    """
    ruled, seen = await _by_rules(uow, cancelled)
    if not seen:
        await ledger.cancel(uow, cancelled)
        return
    for e in cancelled:
        check_return(Return(e.order_id, Purchase(e.order_id, e.customer_id, e.placed_at, e.order_amount_minor), e.cancelled_at, None))
    await _lock(uow, [event.customer_id for event in cancelled])
    await ledger.cancel(uow, [event for event in cancelled if event.order_id not in ruled])
    backs = {e.order_id: Back(e.order_id, e.order_id, e.customer_id, e.cancelled_at, None) for e in cancelled if e.order_id in seen}
    await _keep(uow, list(backs.values()))


async def settle(uow: UnitOfWork, order_ids: Sequence[str]) -> None:
    """Apply what was told of orders' returns and is not applied yet; the orders are known."""
    told = await repository.returns_of(uow.connection, order_ids)
    if all(is_applied for _, is_applied in told):
        return
    await repository.lock_pools(uow.connection, [back.customer_id for back, _ in told])
    orders = await repository.occasions_of(uow.connection, order_ids)
    names = sorted({name for programmes in orders.values() for _, rules in programmes for name in rules})
    versions = {rule.name: rule for rule in await named(uow.connection, names)}
    awards = {(row.source_id, row.rule_id): row for row in await repository.awards_of(uow.connection, order_ids)}
    waiting: dict[str, list[Back]] = defaultdict(list)
    returns: dict[str, list[Back]] = defaultdict(list)
    for back, is_applied in told:
        if back.order_id in orders:
            (returns if is_applied else waiting)[back.order_id].append(back)
    # One return an order at a time: what the first gives the second may take.
    while waiting:
        plan = _Plan(awards=awards)
        for order_id in sorted(waiting):
            returns[order_id].append(waiting[order_id].pop(0))
            for bought, rules in orders[order_id]:
                _plan(plan, bought, [versions[name] for name in rules], returns[order_id])
        await repository.apply(uow.connection, [returns[order_id][-1].return_id for order_id in waiting])
        await _post(uow, plan)
        waiting = defaultdict(list, {order_id: left for order_id, left in waiting.items() if left})


async def _lock(uow: UnitOfWork, customer_ids: Sequence[str]) -> None:
    # One of whom nothing was heard is made first, so that his order, which another worker may have, waits for this return or this for it.
    await repository.lock(uow.connection, PROGRAMME_ID, customer_ids)
    await repository.lock_pools(uow.connection, customer_ids)


async def _by_rules(uow: UnitOfWork, events: Sequence[OrderReturned] | Sequence[OrderCancelled]) -> tuple[set[str], set[str]]:
    """Return which orders earn by the default programme's rules, and which by any programme's."""
    for event in events:
        check_moment("placed_at", event.placed_at)
    programmes = await running(uow.connection, [event.placed_at for event in events])
    if not any(programme.has(ORDER) for programme in programmes):
        return set(), set()
    known = await repository.known(uow.connection, [event.order_id for event in events])
    ruled, seen = set(), set()
    for event in events:
        # An order that is not known yet will be decided by the rules of its day.
        deciding = {programme.is_default for programme in programmes if programme.rules_at(ORDER, event.placed_at)}
        if known[event.order_id] == 0 if event.order_id in known else True in deciding:
            ruled.add(event.order_id)
        if event.order_id in ruled or False in deciding:
            seen.add(event.order_id)
    return ruled, seen


async def _keep(uow: UnitOfWork, backs: Sequence[Back]) -> None:
    await repository.add_returns(uow.connection, backs)
    kept = {b.return_id: b for b, _ in await repository.returns_of(uow.connection, sorted({back.order_id for back in backs}))}
    for back in backs:
        same = kept.get(back.return_id)
        if same is None or (same.order_id, same.amount_minor) != (back.order_id, back.amount_minor):
            raise ContradictingEvent
    known = await repository.known(uow.connection, sorted({back.order_id for back in backs}))
    await settle(uow, sorted(known))


def _plan(plan: _Plan, bought: Occasion, rules: Sequence[Rule], returns: Sequence[Back]) -> None:
    back = returns[-1]
    after = awards_after(rules, bought, returns)
    for rule in sorted([*rules, *tier_rules(bought)], key=lambda rule: rule.id):
        key, award = (bought.source_id, rule.id), after.get(rule.id)
        known = plan.awards.get(key)
        target = award.points if award is not None else 0
        if known is not None and known.allowed is not None:
            target = min(target, known.allowed)
        change = target - (known.kept if known is not None else 0)
        if change < 0 and known is not None:
            _take(plan, known, rule, back, -change)
        elif change > 0 and award is not None:
            _give(plan, known, bought, award, back, change)


def _take(plan: _Plan, known: AwardRow, rule: Rule, back: Back, points: int) -> None:
    if known.entry_id is not None:
        lot_id = f"lot_{known.entry_id.removeprefix('ent_')}"
        plan.takings.append(Taking(lot_id, points, f"{back.return_id}:{rule.id}", back.order_id, rule.name, back.returned_at))
    for counter in known.periods:
        customer_id, _, period = counter.rpartition("|")
        plan.freed.append((rule.id, customer_id, period, points))
    _change(plan, known._replace(kept=known.kept - points))


def _give(plan: _Plan, known: AwardRow | None, bought: Occasion, award: Award, back: Back, points: int) -> None:
    rule = award.rule
    if known is None:
        # A rule that gave nothing for the whole order has no limits to go by, so a limited one gives nothing now either.
        if rule.customer_limit is not None or rule.budget is not None:
            return
        known = AwardRow(bought.source_id, rule.id, rule.version, rule.wallet, award.points, None, 0, 0, [], None, rule.programme_id)
        plan.new_awards.append(new_award(bought, award, None, 0, [], None))
    elif known.allowed is not None:
        # What its limit let go is not to be had again.
        return
    given = max(points - known.forgiven, 0)
    if given:
        plan.grants[rule.programme_id].append((bought.source_id, grant_of(bought, award, given, f"{back.return_id}:{rule.id}")))
    _change(plan, known._replace(kept=known.kept + points))


def _change(plan: _Plan, award: AwardRow) -> None:
    key = (award.source_id, award.rule_id)
    plan.awards[key] = award
    plan.changed.add(key)


async def _post(uow: UnitOfWork, plan: _Plan) -> None:
    await repository.add_awards(uow.connection, plan.new_awards)
    taken: dict[int, int] = defaultdict(int)
    for row in await repository.take_back(uow.connection, plan.takings):
        taking = plan.takings[row["item"] - 1]
        taken[row["item"] - 1] -= row["points"] if row["kind"] == "reversal" else 0
        posted = Posted(
            row["kind"], row["entry_id"], row["customer_id"], taking.order_id, abs(row["points"]), taking.returned_at, row["sequence"]
        )
        award = plan.awards[taking.order_id, taking.rule_version.rsplit("@", 1)[0]]
        uow.publish(event_of_order(posted, award.wallet, award.programme_id), sequence=row["sequence"])
    for place, taking in enumerate(plan.takings):
        award = plan.awards[taking.order_id, taking.rule_version.rsplit("@", 1)[0]]
        _change(plan, award._replace(forgiven=award.forgiven + taking.points - taken[place]))
    for programme_id, grants in sorted(plan.grants.items()):
        outcomes = await ledger.grant(uow, [grant for _, grant in grants], programme_id=programme_id)
        for (order_id, grant), outcome in zip(grants, outcomes, strict=True):
            award = plan.awards[order_id, str(grant.rule_version).rsplit("@", 1)[0]]
            if award.entry_id is None and outcome.lines:
                _change(plan, award._replace(entry_id=outcome.lines[0].entry_id))
    await repository.give_back(uow.connection, plan.freed)
    rows = [plan.awards[key] for key in sorted(plan.changed)]
    await repository.keep(uow.connection, [(row.source_id, row.rule_id, row.kept, row.forgiven, row.entry_id) for row in rows])
