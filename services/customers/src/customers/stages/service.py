"""Where customers are on their lifecycle and journey, and what moves them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from asyncpg import Record

from customers.links.repository import family
from customers.profiles.errors import CustomerNotFound
from customers.stages import repository
from customers.stages.rules import (
    DEFAULT_RULES,
    MANUAL,
    TRACKS,
    Fact,
    Move,
    Rule,
    State,
    advanced,
    check_period,
    check_rules,
    check_stage,
    furthest,
    moved,
)
from customers.timeline import service as timeline
from customers.timeline.service import Touch
from shared.contracts.customers import OrderPlaced, StageChanged
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.errors import PreconditionFailed
from shared.http.etags import check_version


class RuleSet(NamedTuple):
    """The rules in force.

    Attributes:
        version: 0 while nobody has set any.
        rules: in the order in which they are looked at.
        set_at: UTC, or None.
        set_by: who set them, or None.
    """

    version: int
    rules: Sequence[Rule]
    set_at: datetime | None
    set_by: str | None


async def advance(uow: UnitOfWork, facts: Sequence[Fact]) -> None:
    """Move customers by what happened with them, and tell of it; in a few statements, whatever their number.

    Facts of unknown and erased customers are passed over.
    """
    by_customer: dict[str, list[Fact]] = {}
    for fact in facts:
        by_customer.setdefault(fact.customer_id, []).append(fact)
    if not by_customer:
        return
    rules = (await rules_in_force(uow.connection)).rules
    after: list[State] = []
    moves: list[Move] = []
    for state in await repository.lock(uow.connection, sorted(by_customer)):
        now, made = advanced(state, by_customer[state.customer_id], rules)
        if made:
            after.append(now)
            moves += made
    await _write(uow, after, moves)


async def order_facts(connection: Connection, events: Sequence[OrderPlaced]) -> list[Fact]:
    """Return what new orders mean, given the customer's others."""
    if not events:
        return []
    rows = []
    for place, event in enumerate(events):
        categories = sorted({line.category for line in event.lines if line.category is not None})
        rows.append((place, event.customer_id, event.placed_at, event.currency, orjson.dumps(categories).decode()))
    found = {row["place"]: row for row in await repository.purchases(connection, rows)}
    return [fact for place, event in enumerate(events) for fact in _order_facts(event, found[place])]


def _order_facts(event: OrderPlaced, found: Record) -> list[Fact]:
    second_at, last, before = found["second_at"], found["last_minor"], found["before_minor"]
    has_bought_before = second_at is not None and second_at <= event.placed_at
    details = {
        "channel": event.channel,
        "purchase_days": 2 if has_bought_before else 1,
        "new_category": has_bought_before and found["new_category"],
        "growth_percent": int((last - before) * 100 / before) if last and before and before > 0 else None,
    }
    facts = [Fact(event.customer_id, "order_placed", event.placed_at, details)]
    if second_at is not None and not has_bought_before:
        # An order that is told after a later one makes that one the second.
        facts.append(Fact(event.customer_id, "order_placed", second_at, {"purchase_days": 2}))
    return facts


async def move_by_hand(
    uow: UnitOfWork, customer_id: str, track: str, stage: str, *, explanation: str | None, actor: str, now: datetime
) -> State:
    """Move the record that the id names; what a person decides stands until something newer happens.

    Raises:
        CustomerNotFound: there is none.
        StageUnknown: the track has no such stage.
    """
    check_stage(track, stage)
    states = await repository.lock(uow.connection, [customer_id])
    if not states:
        raise CustomerNotFound
    state, place = states[0], states[0].places.get(track)
    if place is None or place.stage != stage:
        state, move = moved(state, track, stage, now, MANUAL, actor=actor, explanation=explanation)
        await _write(uow, [state], [move])
    return state


async def _write(uow: UnitOfWork, after: Sequence[State], moves: Sequence[Move]) -> None:
    if not moves:
        return
    await repository.write(uow.connection, after, moves)
    await timeline.record(uow.connection, [_touch(move) for move in moves if move.previous is not None or move.track == "journey"])
    for move in moves:
        event = StageChanged(
            customer_id=move.customer_id,
            track=move.track,
            stage=move.stage,
            previous=move.previous,
            reason=move.reason,
            changed_at=move.entered_at,
        )
        uow.publish(event, sequence=move.number)


def _touch(move: Move) -> Touch:
    return Touch(
        customer_id=move.customer_id,
        kind="stage_changed",
        source_id=f"{move.customer_id}:{move.number}",
        occurred_at=move.entered_at,
        journey_stage=move.stage if move.track == "journey" else None,
        summary={"track": move.track, "stage": move.stage, "previous": move.previous, "reason": move.reason},
    )


async def show(connection: Connection, ids: Sequence[str]) -> None:
    """Let lists and counts follow records that were merged or are their own again."""
    await repository.show(connection, ids)


async def places(connection: Connection, customer_id: str) -> dict[str, Any]:
    """Return where a customer is on each track, over all of his records.

    Raises:
        CustomerNotFound: there is none.
    """
    found = furthest(await repository.states(connection, (await family(connection, customer_id)).ids))
    return {track: found.get(track) for track in TRACKS}


async def history(connection: Connection, customer_id: str, after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return the moves of all records of a customer, newest first, after a sort key.

    Raises:
        CustomerNotFound: there is none.
    """
    return await repository.history(connection, (await family(connection, customer_id)).ids, after, limit)


async def summary(connection: Connection, starts_at: datetime, ends_at: datetime) -> dict[str, Any]:
    """Return for each track how many are where, how long they stayed, and who moved in a period.

    Raises:
        PeriodInvalid: it is empty or too long.
    """
    check_period(starts_at, ends_at)
    counts = {(row["track"], row["stage"]): row["customers"] for row in await repository.counts(connection)}
    result: dict[str, Any] = {}
    for track, stages in TRACKS.items():
        ended = {row["stage"]: row for row in await repository.medians(connection, track, starts_at, ends_at)}
        flows = await repository.flows(connection, track, starts_at, ends_at)
        entered: dict[str, int] = {}
        for row in flows:
            entered[row["stage"]] = entered.get(row["stage"], 0) + row["moves"]
        result[track] = {
            "stages": [
                {
                    "stage": stage,
                    "customers": counts.get((track, stage), 0),
                    "entered": entered.get(stage, 0),
                    "left": ended[stage]["ended"] if stage in ended else 0,
                    "median_seconds": ended[stage]["seconds"] if stage in ended else None,
                }
                for stage in stages
            ],
            "moves": [dict(row) for row in flows],
        }
    return result


async def rules_in_force(connection: Connection) -> RuleSet:
    """Return the rules that were set last, or those that hold until somebody sets any."""
    row = await repository.rules(connection)
    if row is None:
        return RuleSet(0, DEFAULT_RULES, None, None)
    return RuleSet(row["version"], [Rule(**each) for each in row["rules"]], row["set_at"], row["set_by"])


async def set_rules(uow: UnitOfWork, rules: Sequence[Rule], match: int, actor: str) -> RuleSet:
    """Replace the rules that the client has read; stages that customers are in stay.

    Raises:
        StageRulesInvalid: they do not fit together.
        PreconditionFailed: they were set since.
    """
    check_rules(rules)
    present = await rules_in_force(uow.connection)
    # An entity tag counts from 1; before anything was set, there is version 0.
    check_version(match, present.version + 1)
    row = await repository.set_rules(uow.connection, present.version + 1, [_stored(rule) for rule in rules], actor)
    if row is None:
        raise PreconditionFailed
    return RuleSet(row["version"], rules, row["set_at"], row["set_by"])


def _stored(rule: Rule) -> Mapping[str, Any]:
    conditions = {name: list(value) if isinstance(value, tuple) else value for name, value in rule.conditions.items()}
    fields = ("name", "track", "when", "stage", "may_go_back")
    return {"conditions": conditions} | {name: getattr(rule, name) for name in fields}


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete where customers were; return how many rows of each kind."""
    moves, stages = await repository.erase(connection, ids)
    return {"stage_moves": moves, "customer_stages": stages}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return where customers were."""
    return {"stages": [dict(row) for row in await repository.collect(connection, ids)]}
