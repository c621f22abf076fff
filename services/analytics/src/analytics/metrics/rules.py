"""What metrics are made of: windows of days, and shares that are exact."""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from analytics.metrics.errors import WindowEmpty, WindowNotMonths, WindowTooWide, ZoneNotExact
from shared.statistics import round_half_away

ZONE = "UTC"
# Names of the one zone in which all roll-ups are kept.
ZONES = frozenset({ZONE, "Etc/UTC"})
# Ten years of months.
MOST_MONTHS = 120


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a whole, exact.

    Attributes:
        numerator: how many.
        denominator: of how many.
    """

    numerator: int
    denominator: int

    @property
    def percent(self) -> float | None:
        """The share in percent, rounded once to two decimals, halves away from zero; None of nothing."""
        return round_half_away(100 * Fraction(self.numerator, self.denominator)) if self.denominator else None


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range of days, `since` included and `until` not; None is open.

    Attributes:
        since: first day.
        until: the day after the last.
    """

    since: date | None = None
    until: date | None = None


def checked(window: Window, zone: str) -> Window:
    """Return the window if it can be answered exactly.

    Raises:
        WindowEmpty: it ends before it begins.
        ZoneNotExact: its zone is not UTC.
    """
    if zone not in ZONES:
        raise ZoneNotExact(pointer="/zone", location="query")
    if window.since is not None and window.until is not None and window.since >= window.until:
        raise WindowEmpty(pointer="/to", location="query")
    return window


def of_months(window: Window) -> Window:
    """Return the window if it begins and ends with a month.

    Raises:
        WindowNotMonths: it does not.
    """
    for day, pointer in ((window.since, "/from"), (window.until, "/to")):
        if day is not None and day.day != 1:
            raise WindowNotMonths(pointer=pointer, location="query")
    return window


def ended(window: Window, as_of: datetime | None) -> Window:
    """Return the window with an end: an open one reaches to the month of `as_of` and holds a month at least.

    Args:
        window: of months.
        as_of: how far the data go; None when there are none, which leaves the window open.
    """
    if window.until is not None or as_of is None:
        return window
    last = as_of.date().replace(day=1)
    return Window(window.since, plus_months(max(window.since or last, last), 1))


def closed(window: Window, as_of: datetime | None) -> Window:
    """Return the window with both ends: open ones reach to the month of `as_of` and as far back as an answer holds.

    Args:
        window: of months.
        as_of: how far the data go; None when there are none.

    Raises:
        WindowTooWide: it has more months than an answer holds.
        WindowEmpty: its open end lies before its beginning.
    """
    until = ended(window, as_of).until
    if until is None:
        return window
    since = window.since or plus_months(until, -MOST_MONTHS)
    if since >= until:
        return Window(since, plus_months(since, 1))
    if plus_months(since, MOST_MONTHS) < until:
        raise WindowTooWide(pointer="/from", location="query")
    return Window(since, until)


def plus_months(month: date, months: int) -> date:
    """Return the first day of the month that is so many months later; the earliest and latest possible where there is none."""
    number = min(max(month.year * 12 + month.month - 1 + months, 12), 9999 * 12 + 11)
    return date(number // 12, number % 12 + 1, 1)


def horizon(latest: datetime | None, now: datetime) -> datetime | None:
    """Return the moment up to which the history vouches for a metric: the latest event's, but never the future.

    Args:
        latest: moment of the latest event that the metric counts; None when there is none.
        now: the present moment.
    """
    return None if latest is None else min(latest, now)
