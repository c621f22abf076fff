"""Periods of a calendar and windows that roll, by the wall clock of a zone. Pure."""

import calendar
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MICROSECOND = timedelta(microseconds=1)
# Further apart than any two readings of the same clock.
_NEAR = timedelta(hours=3)
# The same orders are looked at again with each order that follows.
_KEPT = 65_536


@lru_cache(maxsize=_KEPT)
def shift(moment: datetime, zone: ZoneInfo, *, days: int = 0, months: int = 0) -> datetime:
    """Return the instant at which the zone's clocks show the same time some months and then days later.

    The 31st becomes the last day of a shorter month; a time that the clocks skip becomes the moment of the jump, and of a time that they
    show twice the first counts.
    """
    if not days and not months:
        return moment
    local = moment.astimezone(zone).replace(tzinfo=None, fold=0)
    if months:
        year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
        local = local.replace(year=year, month=month + 1, day=min(local.day, calendar.monthrange(year, month + 1)[1]))
    return _instant(local + timedelta(days=days), zone)


def period_of(moment: datetime, unit: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return beginning and end of the calendar month, quarter or year that a moment lies in."""
    months = _MONTHS[unit]
    local = moment.astimezone(zone)
    first = (local.month - 1) // months * months + 1
    return _midnight(local, local.year, first, zone), end_of_period(moment, unit, zone)


def end_of_period(moment: datetime, unit: str, zone: ZoneInfo, later: int = 0) -> datetime:
    """Return the end of the period that a moment lies in, or of one so many periods later."""
    months = _MONTHS[unit]
    local = moment.astimezone(zone)
    year, month = divmod(local.year * 12 + (local.month - 1) // months * months + months * (later + 1), 12)
    return _midnight(local, year, month + 1, zone)


def _midnight(local: datetime, year: int, month: int, zone: ZoneInfo) -> datetime:
    return _instant(local.replace(year=year, month=month, day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0), zone)


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    first = local.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # The clocks skip it: the jump lies between the two readings of it.
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    before = low.astimezone(zone).utcoffset()
    while high - low > _MICROSECOND:
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def opening(moment: datetime, zone: ZoneInfo, *, days: int = 0, months: int = 0) -> datetime | None:
    """Return the instant such that exactly what is later has not been shifted to or before a moment; None where there is none.

    There is none where a month ends earlier than the other, or near a change of the clocks.
    """
    local = moment.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month - 1 - months, 12)
    before, now = calendar.monthrange(year, month + 1)[1], calendar.monthrange(local.year, local.month)[1]
    if months and local.day == now and before > now:
        return None
    if months and local.day > before:
        found = _midnight(local, year + (month + 1) // 12, (month + 1) % 12 + 1, zone) - _MICROSECOND
    else:
        found = shift(moment, zone, days=-days, months=-months)
    return found if is_steady(found, zone) and is_steady(moment, zone) else None


def is_in_order(moment: datetime, zone: ZoneInfo, months: int) -> bool:
    """Return whether nothing before a moment is later than it once both are shifted by months or days, and nothing after it earlier."""
    local = moment.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    own, other = calendar.monthrange(local.year, local.month)[1], calendar.monthrange(year, month + 1)[1]
    return is_steady(moment, zone) and (not months or local.day < other or local.day == own <= other)


def is_steady(moment: datetime, zone: ZoneInfo) -> bool:
    """Return whether no clocks change near a moment."""
    return (moment - _NEAR).astimezone(zone).utcoffset() == (moment + _NEAR).astimezone(zone).utcoffset()
