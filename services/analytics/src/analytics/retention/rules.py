"""Five definitions of retention on the same data, and what can be said of a cohort that has not had its time yet.

All count occasions by when orders were placed, in UTC; a returned order remains an occasion. Elapsed time is exact: a day has passed
24 hours after the moment of the first order. Source: documentation of Mixpanel and Amplitude, as quoted with each definition; with
data by date only, as in CDNOW, elapsed days are differences of dates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from analytics.metrics.rules import Share, plus_months
from analytics.purchases.rules import PERIOD, Measure
from shared.figures.definitions import Definition

_OCCASION = "An occasion is an order at the moment it was placed; several within 24 hours are one; a return does not undo it."


class Kind(StrEnum):
    """Which definition of retention."""

    CALENDAR = "calendar"
    ROLLING = "rolling"
    ON_OR_AFTER = "on_or_after"
    WITHIN = "within"
    EVER = "ever"


DEFINITIONS: Mapping[Kind, Definition] = {
    Kind.CALENDAR: Definition(
        name="retention.calendar",
        title="Retention by calendar month",
        text="Share of the customers whose first order lies in calendar month c that ordered in calendar month c + k, in UTC. " + _OCCASION,
        formula="|{i: month(first_i) = c and i ordered in month c + k}| / |{i: month(first_i) = c}|",
        parameters={"period": "month"},
        version=1,
        source="Strict calendar dates in Amplitude, calendar mode in Mixpanel.",
    ),
    Kind.ROLLING: Definition(
        name="retention.rolling",
        title="Retention in a period of 30 days",
        text="Share of a cohort that ordered 30k days or more, and less than 30(k + 1) days, after the moment of the own first order. "
        + _OCCASION,
        formula="|{i in c: an order with 30k d <= t - first_i < 30(k + 1) d}| / |c|",
        parameters={"period": "month", "period_days": PERIOD.days},
        version=1,
        source='Mixpanel "On", Amplitude\'s N-day retention with a month of 30 days; moments are not rounded to the hour.',
    ),
    Kind.ON_OR_AFTER: Definition(
        name="retention.on_or_after",
        title="Unbounded retention",
        text="Share of a cohort that ordered 30k days or more after the moment of the own first order, however late; it can still rise. "
        + _OCCASION,
        formula="|{i in c: an order with t - first_i >= 30k d}| / |c|",
        parameters={"period": "month", "period_days": PERIOD.days},
        version=1,
        source='Mixpanel "On or After", its default.',
    ),
    Kind.WITHIN: Definition(
        name="retention.within",
        title="Came back within so many periods",
        text="Share of a cohort that ordered again at least 24 hours, and at most 30k days, both included, after the moment of the own "
        "first order. " + _OCCASION,
        formula="|{i in c: an order with 1 d <= t - first_i <= 30k d}| / |c|",
        parameters={"period": "month", "period_days": PERIOD.days},
        version=1,
        source="Repeat purchase within a window.",
    ),
    Kind.EVER: Definition(
        name="retention.ever",
        title="Ever came back",
        text="Share of a cohort that ordered again at least 24 hours after the moment of the own first order, at any time; it can still "
        "rise. There is one column, k = 1. " + _OCCASION,
        formula="|{i in c: an order with t - first_i >= 1 d}| / |c|",
        parameters={"period": "month"},
        version=1,
        source="Repeat purchase on another day.",
    ),
}

# Which cells a definition is read from, its first column, and whether its figure can rise for ever.
_MEASURE = {
    Kind.CALENDAR: Measure.CALENDAR,
    Kind.ROLLING: Measure.ROLLING,
    Kind.ON_OR_AFTER: Measure.LAST,
    Kind.WITHIN: Measure.CAME_BACK,
    Kind.EVER: Measure.CAME_BACK,
}
_FIRST_COLUMN = {Kind.CALENDAR: 0, Kind.ROLLING: 0, Kind.ON_OR_AFTER: 0, Kind.WITHIN: 1, Kind.EVER: 1}
_OPEN_ENDED = frozenset({Kind.ON_OR_AFTER, Kind.EVER})

# Customers by k, for each measure, of one cohort.
CohortCounts = Mapping[Measure, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class GridCell:
    """One column of one cohort.

    Attributes:
        k: the period.
        active: customers that count so far.
        mature: whether every customer of the cohort has had the time to count.
        share: of the cohort; None while it is not mature.
    """

    k: int
    active: int
    mature: bool
    share: Share | None


@dataclass(frozen=True, slots=True)
class GridRow:
    """One cohort.

    Attributes:
        cohort: first day of its month.
        size: its customers.
        cells: its columns that have begun.
    """

    cohort: date
    size: int
    cells: Sequence[GridCell]


@dataclass(frozen=True, slots=True)
class Total:
    """One column of all mature cohorts together.

    Attributes:
        k: the period.
        cohorts: how many of them.
        share: of their customers.
    """

    k: int
    cohorts: int
    share: Share


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same customers under each definition, for k = 1.

    Attributes:
        shares: by definition.
        cohorts: how many cohorts are mature under all of them.
        left_out: how many are not yet.
    """

    shares: Mapping[Kind, Share]
    cohorts: int
    left_out: int


def size_of(counts: CohortCounts) -> int:
    """Return the number of customers of a cohort: all of them ordered in month 0."""
    return counts.get(Measure.CALENDAR, {}).get(0, 0)


def active(kind: Kind, counts: CohortCounts, k: int) -> int:
    """Return the number of customers of a cohort that count as active in period k."""
    bins = counts.get(_MEASURE[kind], {})
    if kind is Kind.ON_OR_AFTER:
        return sum(customers for period, customers in bins.items() if period >= k)
    if kind is Kind.WITHIN:
        return sum(customers for period, customers in bins.items() if period <= k)
    if kind is Kind.EVER:
        return sum(bins.values())
    return bins.get(k, 0)


def is_open_ended(kind: Kind) -> bool:
    """Return whether a figure can rise for ever."""
    return kind in _OPEN_ENDED


def complete_at(kind: Kind, cohort: date, k: int) -> datetime:
    """Return the moment from which every customer of the cohort has had the time to count in period k.

    The last customers of a cohort may have come at the end of its month, so elapsed time counts from there.
    """
    if kind is Kind.CALENDAR:
        return _midnight(plus_months(cohort, k + 1))
    periods = {Kind.ROLLING: k + 1, Kind.ON_OR_AFTER: k, Kind.WITHIN: k}.get(kind)
    return _midnight(plus_months(cohort, 1)) + (timedelta(days=1) if periods is None else periods * PERIOD)


def begins_at(kind: Kind, cohort: date, k: int) -> datetime:
    """Return the moment from which a customer of the cohort can count in period k and not in an earlier one."""
    if kind is Kind.CALENDAR:
        return _midnight(plus_months(cohort, k))
    return _midnight(cohort) + (k - _FIRST_COLUMN[kind]) * PERIOD


def grid(kind: Kind, cohorts: Mapping[date, CohortCounts], as_of: datetime, columns: int) -> list[GridRow]:
    """Return the cohorts' table.

    Args:
        kind: which definition.
        cohorts: counts of each cohort.
        as_of: how far the data go; later columns are left out, and those it cuts are not mature.
        columns: how many periods at most.
    """
    return [_row(kind, cohort, cohorts[cohort], as_of, columns) for cohort in sorted(cohorts) if size_of(cohorts[cohort])]


def totals(rows: Sequence[GridRow]) -> list[Total]:
    """Return each column over the cohorts that are mature in it."""
    mature: dict[int, list[Share]] = {}
    for row in rows:
        for cell in row.cells:
            if cell.share is not None:
                mature.setdefault(cell.k, []).append(cell.share)
    return [
        Total(k, len(shares), Share(sum(share.numerator for share in shares), sum(share.denominator for share in shares)))
        for k, shares in sorted(mature.items())
    ]


def compared(cohorts: Mapping[date, CohortCounts], as_of: datetime) -> Comparison:
    """Return month-1 retention under each definition, of the same customers: the cohorts that are mature under all of them.

    Args:
        cohorts: counts of each cohort.
        as_of: how far the data go.
    """
    inhabited = {cohort: counts for cohort, counts in cohorts.items() if size_of(counts)}
    mature = [counts for cohort, counts in inhabited.items() if all(complete_at(kind, cohort, 1) <= as_of for kind in Kind)]
    customers = sum(size_of(counts) for counts in mature)
    shares = {kind: Share(sum(active(kind, counts, 1) for counts in mature), customers) for kind in Kind}
    return Comparison(shares, len(mature), len(inhabited) - len(mature))


def _row(kind: Kind, cohort: date, counts: CohortCounts, as_of: datetime, columns: int) -> GridRow:
    size = size_of(counts)
    first = _FIRST_COLUMN[kind]
    last = first if kind is Kind.EVER else first + columns - 1
    cells = []
    for k in range(first, last + 1):
        if begins_at(kind, cohort, k) > as_of:
            break
        customers = active(kind, counts, k)
        mature = complete_at(kind, cohort, k) <= as_of
        cells.append(GridCell(k, customers, mature, Share(customers, size) if mature else None))
    return GridRow(cohort, size, cells)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
