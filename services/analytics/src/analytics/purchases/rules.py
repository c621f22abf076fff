"""A customer's purchases as a state, and what he adds to each cell of the roll-ups.

A cell counts customers: `(cohort, measure, k)`. What a customer adds to the cells follows from his state alone, so that any change of
him, even of his first purchase, is the difference between what he added before and what he adds now. All moments are UTC.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

DAY = timedelta(days=1)
# A "month" of the rolling definitions, as Mixpanel and Amplitude count it.
PERIOD = timedelta(days=30)
# Histograms of purchases end here: the last bin holds this many and more.
LAST_BIN = 100


class Measure(StrEnum):
    """What a cell counts customers by; k means something else in each."""

    CALENDAR = "calendar"  # an order in the k-th calendar month after that of the first; k = 0 is the size of the cohort
    ROLLING = "rolling"  # an order 30k days or more and less than 30(k + 1) days after the first
    LAST = "last"  # the last order lies in the k-th 30-day period after the first
    CAME_BACK = "came_back"  # k is the least number of 30-day periods within which an order followed at least 24 hours after the first
    ORDERS = "orders"  # k orders, the last bin holds all above
    DAYS = "days"  # orders on k different days, the last bin holds all above


class Cell(NamedTuple):
    """The address of a count of customers.

    Attributes:
        cohort: first day of the month of the first order.
        measure: what is counted.
        k: see `Measure`.
    """

    cohort: date
    measure: Measure
    k: int


@dataclass(frozen=True, slots=True)
class Activity:
    """All that the roll-ups need to know of one customer's orders.

    Attributes:
        first_at: moment of the first order.
        last_at: moment of the last order.
        came_back_at: moment of the earliest order at least 24 hours after the first.
        orders: number of orders.
        days: number of different days with an order.
        months: calendar months with an order, 0 is that of the first.
        periods: 30-day periods with an order, 0 begins with the first.
    """

    first_at: datetime
    last_at: datetime
    came_back_at: datetime | None
    orders: int
    days: int
    months: frozenset[int]
    periods: frozenset[int]


def activity_of(moments: Sequence[datetime]) -> Activity:
    """Return the state of a customer with these orders.

    Args:
        moments: when each order was placed, at least one, in any order.
    """
    first = min(moments)
    return Activity(
        first_at=first,
        last_at=max(moments),
        came_back_at=_came_back(first, moments),
        orders=len(moments),
        days=len({day_of(moment) for moment in moments}),
        months=frozenset(_months_between(first, moment) for moment in moments),
        periods=frozenset((moment - first) // PERIOD for moment in moments),
    )


def extended(activity: Activity, moments: Sequence[datetime], new_days: int) -> Activity:
    """Return the state after further orders, none of which precedes the first known one.

    Args:
        activity: the state so far.
        moments: when each further order was placed, at least one.
        new_days: how many of their days had no order before.
    """
    first = activity.first_at
    if min(moments) < first:
        raise ValueError("the first order moved; the state must be computed from all orders")
    return Activity(
        first_at=first,
        last_at=max(activity.last_at, *moments),
        came_back_at=_came_back(first, moments if activity.came_back_at is None else [activity.came_back_at, *moments]),
        orders=activity.orders + len(moments),
        days=activity.days + new_days,
        months=activity.months.union(_months_between(first, moment) for moment in moments),
        periods=activity.periods.union((moment - first) // PERIOD for moment in moments),
    )


def cells_of(activity: Activity) -> Iterator[Cell]:
    """Yield the cells that a customer in this state is counted in, each once."""
    cohort = month_of(activity.first_at)
    for month in activity.months:
        yield Cell(cohort, Measure.CALENDAR, month)
    for period in activity.periods:
        yield Cell(cohort, Measure.ROLLING, period)
    yield Cell(cohort, Measure.LAST, (activity.last_at - activity.first_at) // PERIOD)
    if activity.came_back_at is not None:
        yield Cell(cohort, Measure.CAME_BACK, -((activity.first_at - activity.came_back_at) // PERIOD))
    yield Cell(cohort, Measure.ORDERS, min(activity.orders, LAST_BIN))
    yield Cell(cohort, Measure.DAYS, min(activity.days, LAST_BIN))


def differences(changes: Iterable[tuple[Activity | None, Activity | None]]) -> Mapping[Cell, int]:
    """Return by how much each cell changes when customers change.

    Args:
        changes: for each customer his state before and after, None when he had no order or has none any more.
    """
    changed: Counter[Cell] = Counter()
    for before, after in changes:
        if before is not None:
            changed.subtract(cells_of(before))
        if after is not None:
            changed.update(cells_of(after))
    return {cell: by for cell, by in changed.items() if by}


def day_of(moment: datetime) -> date:
    """Return the day of a moment, UTC."""
    return moment.astimezone(UTC).date()


def month_of(moment: datetime) -> date:
    """Return the first day of the month of a moment, UTC."""
    return day_of(moment).replace(day=1)


def _months_between(first: datetime, moment: datetime) -> int:
    first, moment = first.astimezone(UTC), moment.astimezone(UTC)
    return (moment.year - first.year) * 12 + moment.month - first.month


def _came_back(first: datetime, moments: Sequence[datetime]) -> datetime | None:
    return min((moment for moment in moments if moment - first >= DAY), default=None)
