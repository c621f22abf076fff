"""When something about a holding wants attention."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from customers.holdings.errors import BalanceAtRefused, HoldingDatesRefused, PeriodRefused

# Clocks and time zones of clients differ from ours.
CLOCK_MARGIN = timedelta(days=1)
USUAL_PERIOD = timedelta(days=365)
MAX_PERIOD = timedelta(days=3_660)


class Watched(NamedTuple):
    """What alerts depend on.

    Attributes:
        is_open: a closed holding wants nothing.
        matures_at: when it ends, if it does.
        maturity_notice_days: how many days before it is told; None for never.
        payment_due_at: of the earliest payment that was not made.
    """

    is_open: bool
    matures_at: datetime | None
    maturity_notice_days: int | None
    payment_due_at: datetime | None


class Alert(NamedTuple):
    """Something that wants attention.

    Attributes:
        alert: maturity_nearing, payment_overdue or balance_falling.
        about_at: the maturity, the payment's day, or the peak that the balance fell from; each is told once.
    """

    alert: str
    about_at: datetime


class Balance(NamedTuple):
    """A balance and when it was read; it holds until the next."""

    at: datetime
    minor: int


def check_dates(opened_at: datetime, matures_at: datetime | None, now: datetime) -> None:
    """Refuse a holding that was opened after tomorrow, or that matures before it was opened.

    Raises:
        HoldingDatesRefused: it is one.
    """
    if opened_at > now + CLOCK_MARGIN:
        raise HoldingDatesRefused(pointer="/opened_at")
    if matures_at is not None and matures_at < opened_at:
        raise HoldingDatesRefused(pointer="/matures_at")


def check_balance_at(at: datetime, opened_at: datetime, now: datetime) -> None:
    """Refuse a balance from before the holding was opened or after tomorrow.

    Raises:
        BalanceAtRefused: it is one.
    """
    if not opened_at <= at <= now + CLOCK_MARGIN:
        raise BalanceAtRefused(pointer="/at")


def check_period(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Return the period that balances are looked at within: to now and over a year where nothing else is asked.

    Raises:
        PeriodRefused: it is empty, in the future, or longer than ten years.
    """
    until = min(ends_at or now, now)
    since = starts_at or until - USUAL_PERIOD
    if not timedelta(0) < until - since <= MAX_PERIOD:
        raise PeriodRefused(pointer="/from", location="query")
    return since, until


def due_alerts(watched: Watched, now: datetime) -> list[Alert]:
    """Return what has come due with the time, told or not."""
    return [alert for at, alert in _dates(watched) if at <= now]


def next_due_at(watched: Watched, now: datetime) -> datetime | None:
    """Return when the next alert comes due after a moment; None when none will."""
    return min((at for at, _ in _dates(watched) if at > now), default=None)


def first_due_at(watched: Watched) -> datetime | None:
    """Return when the earliest alert comes or came due; None when none does."""
    return min((at for at, _ in _dates(watched)), default=None)


def _dates(watched: Watched) -> list[tuple[datetime, Alert]]:
    dates: list[tuple[datetime, Alert]] = []
    if not watched.is_open:
        return dates
    if watched.matures_at is not None and watched.maturity_notice_days is not None:
        told_at = watched.matures_at - timedelta(days=watched.maturity_notice_days)
        dates.append((told_at, Alert("maturity_nearing", watched.matures_at)))
    if watched.payment_due_at is not None:
        dates.append((watched.payment_due_at, Alert("payment_overdue", watched.payment_due_at)))
    return dates


def falls(balances: Sequence[Balance], percent: int, days: int, since: datetime) -> list[Alert]:
    """Return the falls in a run of balances, one for each peak that was fallen from.

    A balance has fallen when it is lower by the share than the highest balance that held within the days before it; a balance
    holds until the next one. Works in one pass over the balances.

    Args:
        balances: by time, no two at one moment.
        percent: the share that makes a fall, 1 to 100.
        days: how far back is looked.
        since: balances before it are looked back at only.
    """
    window = timedelta(days=days)
    peaks: deque[tuple[Balance, datetime]] = deque()
    found: dict[datetime, Alert] = {}
    for place, balance in enumerate(balances):
        held_until = balances[place + 1].at if place + 1 < len(balances) else datetime.max.replace(tzinfo=balance.at.tzinfo)
        # Gone are those that held before the window only; of equal ones the later counts.
        while peaks and peaks[0][1] <= balance.at - window:
            peaks.popleft()
        while peaks and peaks[-1][0].minor <= balance.minor:
            peaks.pop()
        peaks.append((balance, held_until))
        peak = peaks[0][0]
        if balance.at >= since and peak.minor > 0 and (peak.minor - balance.minor) * 100 >= percent * peak.minor:
            found.setdefault(peak.at, Alert("balance_falling", peak.at))
    return list(found.values())
