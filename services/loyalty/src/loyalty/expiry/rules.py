"""When points end by a policy."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Kind = Literal["never", "rolling", "calendar", "activity"]
Unit = Literal["day", "month", "quarter", "year"]
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Term:
    """How long points count.

    Attributes:
        kind: never; rolling: so long after they were earned; calendar: to the end of a month, quarter or year; activity: so long after the
            last time that the member earned, spent or ordered.
        unit: of time.
        units: how many; for calendar how many more after the current one.
        zone: by whose midnights it goes.
    """

    kind: Kind
    unit: Unit = "day"
    units: int = 0
    zone: str = "UTC"


def expires_after(term: Term, moment: datetime) -> datetime | None:
    """Return when points end that are earned, or put off, at a moment; None for never. The twin of `expires_after` in the database.

    What is counted from the moment lasts to the end of its last day: of 31 January a month is until the end of February. So a day with 23
    or 25 hours is a day like any other.
    """
    if term.kind == "never":
        return None
    day = moment.astimezone(ZoneInfo(term.zone)).date()
    if term.kind == "calendar":
        months = _MONTHS[term.unit]
        first = date(day.year, (day.month - 1) // months * months + 1, 1)
        return midnight(_later(first, term.unit, term.units + 1), term.zone)
    return midnight(_later(day, term.unit, term.units) + timedelta(days=1), term.zone)


def effective_expiry(term: Term, own: datetime, activities: Sequence[datetime]) -> datetime:
    """Return when points end whose own expiry activity can put off.

    Args:
        term: of the kind activity.
        own: when they end without it.
        activities: all moments of it, in any order; those that come once the points have lapsed are too late.
    """
    reached = own
    for moment in sorted(activities):
        if moment < reached:
            reached = max(reached, expires_after(term, moment) or reached)
    return reached


def midnight(day: date, zone: str) -> datetime:
    """Return the instant at which a day begins; where the clock skips midnight, the moment it skips to, and the later of two."""
    local = datetime.combine(day, time(), ZoneInfo(zone))
    later = local.replace(fold=1)
    is_twice = later.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == later.replace(tzinfo=None, fold=0)
    return (later if is_twice else local).astimezone(UTC)


def _later(day: date, unit: Unit, units: int) -> date:
    if unit == "day":
        return day + timedelta(days=units)
    months = day.year * 12 + day.month - 1 + units * _MONTHS[unit]
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
