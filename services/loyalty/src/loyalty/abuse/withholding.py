"""Events that wait: what a member earns while he is frozen, if that was chosen, and orders that earn more than a limit allows.

Nothing of an event that waits has happened: no entry, no remembered order. What comes later about its order waits behind it. An approval
lets all of it happen in the order told; a rejection makes the order one that never earns, whatever comes of it later.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from asyncpg import Record

from loyalty.abuse import reviewing
from loyalty.ledger.rules import check_id
from shared.contracts.base import Event
from shared.contracts.customers import OrderPlaced
from shared.database.pool import Connection
from shared.database.rows import transposed
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.messaging.handlers import Handler

# One round trip a batch. Where nobody is frozen and no limit is set, it looks at two empty indexes. Whoever was erased is read as
# `shared.following.tombstones` has it: before anything is stored.
_TRIAGE = """
WITH erased AS MATERIALIZED (
    SELECT customer_id FROM erased_customers WHERE customer_id = ANY ($1::text[]) FOR KEY SHARE
), limits AS MATERIALIZED (
    SELECT id, measure, window_seconds, maximum FROM velocity_limits WHERE action = 'earning' AND is_active
), frozen AS MATERIALIZED (
    SELECT member.id AS customer_id, min(member_freezes.id) AS freeze_id
    FROM member_freezes CROSS JOIN LATERAL unnest(family_of(customer_id)) AS member (id)
    WHERE unfrozen_at IS NULL AND earning = 'waits' AND member.id = ANY ($1::text[]) GROUP BY 1
)
SELECT ARRAY(SELECT customer_id FROM erased) AS erased,
       (SELECT coalesce(jsonb_agg(to_jsonb(limits) ORDER BY id), '[]') FROM limits) AS limits,
       (SELECT coalesce(jsonb_object_agg(customer_id, freeze_id), '{}') FROM frozen) AS frozen,
       ARRAY(SELECT DISTINCT order_id FROM withheld_events WHERE order_id = ANY ($2::text[]) AND state <> 'released') AS withheld,
       ARRAY(
           SELECT order_id FROM orders
           WHERE order_id = ANY ($2::text[]) AND (EXISTS (SELECT FROM limits) OR EXISTS (SELECT FROM frozen))
       ) AS known
"""
# What was earned by orders of this batch, and with it in each limit's window before.
_EXCEEDING = """
SELECT fresh.order_id, rule.id AS limit_id, rule.window_seconds IS NULL AS is_at_once, sums.points AS own_points
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS fresh (order_id, customer_id, placed_at)
CROSS JOIN jsonb_to_recordset($4) AS rule (id text, measure text, window_seconds int, maximum bigint)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(entries.points) FILTER (WHERE order_id = fresh.order_id), 0)::bigint AS points,
           coalesce(sum(entries.points), 0)::bigint AS all_points, count(DISTINCT order_id) AS all_orders
    FROM entries JOIN accounts ON accounts.id = account_id
    WHERE entries.customer_id = ANY (family_of(fresh.customer_id)) AND entries.kind = 'accrual' AND wallet = 'points'
      AND occurred_at > fresh.placed_at - make_interval(secs => coalesce(rule.window_seconds, 1)) AND occurred_at <= fresh.placed_at
) AS sums
WHERE sums.points > 0 AND CASE
    WHEN rule.window_seconds IS NULL THEN sums.points ELSE CASE rule.measure WHEN 'count' THEN all_orders ELSE all_points END
END > rule.maximum
ORDER BY fresh.order_id, rule.id
"""
_KEEP = """
INSERT INTO withheld_events (review_id, customer_id, order_id, type, source_id, payload, state)
SELECT review_id, customer_id, order_id, type, source_id, payload, state
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[]) WITH ORDINALITY
    AS told (review_id, customer_id, order_id, type, source_id, payload, state, place)
ORDER BY place ON CONFLICT (type, source_id) DO NOTHING
"""
# Behind whom what comes of an order waits; a row a review, the last one counts.
_BEHIND = """
SELECT DISTINCT ON (order_id) order_id, review_id, state FROM withheld_events
WHERE order_id = ANY ($1::text[]) AND state <> 'released' ORDER BY order_id, position DESC
"""
_WAITING = """
SELECT position, type, payload, customer_id FROM withheld_events WHERE review_id = $1 AND state = 'waiting' ORDER BY position FOR UPDATE
"""
_CLOSE = "UPDATE withheld_events SET state = $2 WHERE review_id = $1 AND state = 'waiting'"


@dataclass(frozen=True, slots=True)
class Triage:
    """What is to be known about a batch: who is gone, limits on earning, who is frozen by which freeze, which orders wait or are known."""

    erased: frozenset[str]
    limits: Sequence[Mapping[str, Any]]
    frozen: Mapping[str, str]
    withheld: frozenset[str]
    known: frozenset[str]


class _Exceeding(NamedTuple):
    order_id: str
    limit_id: str
    is_at_once: bool
    points: int


class _Caught(Exception):
    def __init__(self, found: Sequence[_Exceeding]) -> None:
        super().__init__()
        self.found = found


def unless_withheld(handler: Handler) -> Handler:
    """Return the handler without the events of erased customers, and without those that have to wait.

    Of orders placed also those wait that exceed a limit on earning.
    """

    async def handle(uow: UnitOfWork, events: Sequence[Received[Any]]) -> None:
        triage = await _triage(uow.connection, [event for event, _ in events])
        if triage.erased:
            events = [received for received in events if getattr(received.event, "customer_id", None) not in triage.erased]
        waiting = [received for received in events if _waits(received.event, triage)]
        if waiting:
            await _withhold(uow, [event for event, _ in waiting], triage)
        passing = [received for received in events if not _waits(received.event, triage)] if waiting else events
        if not triage.limits or not any(isinstance(event, OrderPlaced) for event, _ in passing):
            if passing:
                await handler(uow, passing)
        else:
            await _within_limits(uow, handler, passing, triage)

    return handle


async def waiting(connection: Connection, review_id: str) -> list[Record]:
    """Return the events that wait for a review, locked, in the order told."""
    return await connection.fetch(_WAITING, review_id)


async def close(connection: Connection, review_id: str, state: str) -> None:
    """Note that what waited for a review was released or refused."""
    await connection.execute(_CLOSE, review_id, state)


async def _triage(connection: Connection, events: Sequence[Event]) -> Triage:
    customers = sorted({customer for event in events if (customer := getattr(event, "customer_id", None)) is not None})
    orders = sorted({order for event in events if (order := _order_of(event)) is not None})
    for customer_id in customers:
        check_id("customer_id", customer_id)
    for order_id in orders:
        check_id("order_id", order_id)
    row = await connection.fetchrow(_TRIAGE, customers, orders)
    assert row is not None
    return Triage(frozenset(row["erased"]), row["limits"], row["frozen"], frozenset(row["withheld"]), frozenset(row["known"]))


def _waits(event: Event, triage: Triage) -> bool:
    order_id = _order_of(event)
    if order_id is not None and order_id in triage.withheld:
        return True
    return getattr(event, "customer_id", None) in triage.frozen and order_id not in triage.known


def _order_of(event: Event) -> str | None:
    return getattr(event, "order_id", None)


def _source_of(event: Event) -> str:
    names = ("return_id", "interaction_id", "response_id", "birthday_id", "order_id")
    return next(value for name in names if (value := getattr(event, name, None)) is not None)


async def _withhold(uow: UnitOfWork, events: Sequence[Event], triage: Triage) -> None:
    behind = {row["order_id"]: row for row in await uow.connection.fetch(_BEHIND, sorted(triage.withheld))} if triage.withheld else {}
    reviews: dict[str, str | None] = {}
    rows = []
    for event in events:
        customer_id = str(getattr(event, "customer_id", ""))
        earlier = behind.get(_order_of(event) or "")
        if earlier is not None:
            rows.append((earlier["review_id"], event, earlier["state"]))
            continue
        freeze_id = triage.frozen[customer_id]
        if freeze_id not in reviews:
            reviews[freeze_id] = await reviewing.open_review(uow, "frozen_earning", freeze_id, ["member_frozen"], customer_id=customer_id)
        rows.append((reviews[freeze_id], event, "waiting"))
    await _keep(uow.connection, rows)


async def _within_limits(uow: UnitOfWork, handler: Handler, events: Sequence[Received[Any]], triage: Triage) -> None:
    # What is taken out leaves less in the windows of the others, so this ends.
    while events:
        fresh = [event for event, _ in events if event.order_id not in triage.known]
        try:
            async with uow.savepoint():
                await handler(uow, events)
                await _refuse_exceeding(uow.connection, fresh, triage.limits)
        except _Caught as caught:
            await _hold_back(uow, {event.order_id: event for event in fresh}, caught.found)
            held = {each.order_id for each in caught.found}
            events = [received for received in events if received.event.order_id not in held]
        else:
            return


async def _refuse_exceeding(connection: Connection, orders: Sequence[OrderPlaced], limits: Sequence[Mapping[str, Any]]) -> None:
    columns = [o.order_id for o in orders], [o.customer_id for o in orders], [o.placed_at for o in orders]
    found = [_Exceeding(*row) for row in await connection.fetch(_EXCEEDING, *columns, list(limits))]
    if found:
        raise _Caught(found)


async def _hold_back(uow: UnitOfWork, orders: Mapping[str, OrderPlaced], found: Sequence[_Exceeding]) -> None:
    reasons: dict[str, list[str]] = defaultdict(list)
    points: dict[str, int] = {}
    for each in found:
        reasons[each.order_id].append("large_accrual" if each.is_at_once else "earning_velocity")
        points[each.order_id] = each.points
    rows = []
    for order_id, why in reasons.items():
        order = orders[order_id]
        review_id = await reviewing.open_review(uow, "earning", order_id, why, customer_id=order.customer_id, points=points[order_id])
        rows.append((review_id, order, "waiting"))
    await _keep(uow.connection, rows)


async def _keep(connection: Connection, rows: Sequence[tuple[str | None, Event, str]]) -> None:
    # Without a review it is an erased customer's, of whom nothing is kept.
    kept = [
        (
            review_id,
            getattr(event, "customer_id", ""),
            _order_of(event),
            event.type,
            _source_of(event),
            event.model_dump(mode="json"),
            state,
        )
        for review_id, event, state in rows
        if review_id is not None
    ]
    if kept:
        await connection.execute(_KEEP, *transposed(kept))
