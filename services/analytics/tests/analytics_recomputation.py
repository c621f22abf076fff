"""What the roll-ups must hold, computed from the final set of events in the plainest Python: no state, no increments, no SQL.

Written from the definitions, on purpose without a line of the service's rules.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta

from shared.contracts.base import Event
from shared.contracts.customers import CustomerErased, CustomerMerged, CustomerUnmerged, OrderCancelled, OrderPlaced, OrderReturned
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed

TABLES = {
    "customer_activity": "SELECT customer_id, first_at, last_at, orders, days FROM customer_activity",
    "activity_cells": "SELECT cohort, measure, k, customers FROM activity_cells WHERE customers > 0",
    "customer_money": "SELECT customer_id, currency, orders, last_at, gross_minor, returned_minor FROM customer_money",
    "order_months": "SELECT month, currency, orders, gross_minor, returned_minor FROM order_months "
    "WHERE orders > 0 OR gross_minor <> 0 OR returned_minor <> 0",
    "nps_days": "SELECT day, channel, score, answers FROM nps_days",
    "points_days": "SELECT day, enrolled, issued, reversed, movements FROM points_days WHERE enrolled > 0 OR movements > 0",
}

_NAMELESS = (ResponseRecorded, OrderPlaced, OrderReturned, OrderCancelled)


async def stored(database) -> dict[str, set[tuple]]:
    async with database.acquire() as connection:
        return {name: {tuple(row) for row in await connection.fetch(query)} for name, query in TABLES.items()}


def recomputed(events: Iterable[Event]) -> dict[str, set[tuple]]:
    """Return the roll-ups after these events; links count in the order given, all others in any."""
    events = list(events)
    erased = {id_ for event in events if isinstance(event, CustomerErased) for id_ in event.customer_ids}
    by_kind: dict[type, dict[str, Event]] = defaultdict(dict)
    for event in events:
        # Scores and sales of the erased stay, without them.
        if isinstance(event, _NAMELESS) or getattr(event, "customer_id", None) not in erased:
            by_kind[type(event)][_identity(event)] = event
    cancelled = by_kind[OrderCancelled].keys()
    roots = _roots(events, erased)
    sold = [_of_root(one, roots) for one in by_kind[OrderPlaced].values() if one.order_id not in cancelled]
    back = [_of_root(one, roots) for one in by_kind[OrderReturned].values() if one.order_id not in cancelled]
    orders, returns = ([one for one in some if one.customer_id not in erased] for some in (sold, back))
    return {
        "customer_activity": _activity(orders),
        "activity_cells": _cells(orders),
        "customer_money": _customer_money(orders, returns),
        "order_months": _order_months(sold, back),
        "nps_days": _nps_days(by_kind[ResponseRecorded].values()),
        "points_days": _points_days(by_kind),
    }


def _roots(events: list[Event], erased: set[str]) -> dict[str, str]:
    links = {}
    for event in events:
        if isinstance(event, CustomerMerged):
            links[event.merged_id] = event.survivor_id
        elif isinstance(event, CustomerUnmerged):
            links.pop(event.merged_id, None)
    roots = {}
    for customer_id in links.keys() - erased:
        root = customer_id
        while root in links and root not in erased:
            root = links[root]
        roots[customer_id] = root
    return roots


def _of_root(event, roots: dict[str, str]):
    return event.model_copy(update={"customer_id": roots.get(event.customer_id, event.customer_id)})


def _activity(orders: list[OrderPlaced]) -> set[tuple]:
    moments = defaultdict(list)
    for one in orders:
        moments[one.customer_id].append(one.placed_at)
    return {(who, min(mine), max(mine), len(mine), len({moment.date() for moment in mine})) for who, mine in moments.items()}


def _identity(event: Event) -> str:
    for field in ("return_id", "order_id", "response_id", "entry_id", "merge_id", "erasure_id", "customer_id"):
        if field == "order_id" and isinstance(event, PointsAccrued | PointsReversed):
            continue
        if hasattr(event, field):
            return getattr(event, field)
    raise TypeError(type(event))


def _cells(orders: list[OrderPlaced]) -> set[tuple]:
    moments = defaultdict(list)
    for one in orders:
        moments[one.customer_id].append(one.placed_at)
    cells: Counter[tuple] = Counter()
    for mine in moments.values():
        first, last = min(mine), max(mine)
        cohort = first.date().replace(day=1)
        for k in {(moment.year - first.year) * 12 + moment.month - first.month for moment in mine}:
            cells[cohort, "calendar", k] += 1
        for k in {math.floor((moment - first).total_seconds() / (30 * 86_400)) for moment in mine}:
            cells[cohort, "rolling", k] += 1
        cells[cohort, "last", math.floor((last - first).total_seconds() / (30 * 86_400))] += 1
        later = [moment - first for moment in mine if moment - first >= timedelta(hours=24)]
        if later:
            cells[cohort, "came_back", math.ceil(min(later).total_seconds() / (30 * 86_400))] += 1
        cells[cohort, "orders", min(len(mine), 100)] += 1
        cells[cohort, "days", min(len({moment.date() for moment in mine}), 100)] += 1
    return {(*cell, customers) for cell, customers in cells.items()}


def _customer_money(orders: list[OrderPlaced], returns: list[OrderReturned]) -> set[tuple]:
    bought, back = defaultdict(list), defaultdict(list)
    for one in orders:
        bought[one.customer_id, one.currency].append(one)
    for one in returns:
        back[one.customer_id, one.currency].append(one)
    return {
        (
            *key,
            len(bought[key]),
            max((one.placed_at for one in bought[key]), default=None),
            sum(one.amount_minor for one in bought[key]),
            sum(one.amount_minor for one in back[key]),
        )
        for key in {*bought, *back}
    }


def _order_months(orders: list[OrderPlaced], returns: list[OrderReturned]) -> set[tuple]:
    months: dict[tuple, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in orders:
        sums = months[one.placed_at.date().replace(day=1), one.currency]
        sums[0] += 1
        sums[1] += one.amount_minor
    for one in returns:
        months[one.placed_at.date().replace(day=1), one.currency][2] += one.amount_minor
    return {(*month, *sums) for month, sums in months.items() if any(sums)}


def _nps_days(responses: Iterable) -> set[tuple]:
    counts = Counter((one.answered_at.date(), one.channel or "", one.score) for one in responses)
    return {(*key, answers) for key, answers in counts.items()}


def _points_days(by_kind: dict) -> set[tuple]:
    days: dict = defaultdict(lambda: [0, 0, 0, 0])
    for one in by_kind[MemberEnrolled].values():
        days[one.enrolled_at.date()][0] += 1
    for kind, place in ((PointsAccrued, 1), (PointsReversed, 2)):
        for one in by_kind[kind].values():
            days[one.occurred_at.date()][place] += one.points
            days[one.occurred_at.date()][3] += 1
    return {(day, *sums) for day, sums in days.items()}
