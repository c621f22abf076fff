"""What a programme owes its members: outstanding points, how they came to be, what they cost, and how many will never be spent."""

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from loyalty.expiry.rules import midnight
from loyalty.ledger.rules import POINTS
from loyalty.liability import repository
from loyalty.liability.errors import ReportInvalid, ValueExists
from loyalty.liability.repository import CostRow, MovedRow, OutstandingRow, ValueRow
from loyalty.liability.rules import Forecast, forecast
from loyalty.liability.schemas import PointValueInput, RollForwardLine
from loyalty.programmes import service as programmes
from loyalty.programmes.errors import ProgrammeNotFound
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork

_LONGEST = timedelta(days=3_700)
_YEAR = timedelta(days=365)
_EVER = datetime.max.replace(tzinfo=UTC)


async def values(connection: Connection, programme_id: str, now: datetime) -> tuple[ValueRow | None, list[ValueRow]]:
    """Return what a point of a programme costs now, and all that it cost or will cost.

    Raises:
        ProgrammeNotFound: there is no such programme.
    """
    await programmes.require(connection, programme_id)
    rows = await repository.values(connection, programme_id)
    return next((row for row in rows if row.effective_from <= now), None), rows


async def add_value(uow: UnitOfWork, programme_id: str, wanted: PointValueInput, now: datetime) -> ValueRow:
    """Let a point cost something else from a moment on; the same again changes nothing.

    Raises:
        ProgrammeNotFound: there is no such programme.
        ValueExists: another begins at that moment.
    """
    if not await repository.lock(uow.connection, programme_id):
        raise ProgrammeNotFound
    value = ValueRow(0, wanted.amount_minor, wanted.points, wanted.currency, wanted.effective_from or now)
    rows = await repository.values(uow.connection, programme_id)
    known = next((row for row in rows if row.effective_from == value.effective_from), None)
    if known is not None:
        if known[1:] != value[1:]:
            raise ValueExists
        return known
    return await repository.add_value(uow.connection, programme_id, value)


async def outstanding(
    connection: Connection, programme_id: str, as_of: datetime | None, known_at: datetime | None, now: datetime
) -> list[OutstandingRow]:
    """Return what the members of a programme hold at an instant, as it was known at another."""
    if as_of is None and known_at is None:
        return await repository.outstanding(connection, programme_id)
    return await repository.outstanding_then(connection, programme_id, as_of or now, known_at or _EVER)


async def value_at(connection: Connection, programme_id: str, as_of: datetime | None) -> ValueRow | None:
    """Return what a point of a programme costs at an instant, the present when None; None while no value was set."""
    return await repository.value_at(connection, programme_id, as_of)


async def breakage(
    connection: Connection, programme_id: str, as_of: datetime | None, known_at: datetime | None, now: datetime, wallet: str = POINTS
) -> Forecast:
    """Return how many of the points that members hold will be spent, by month of earning, as it could be told at an instant."""
    moment = as_of or now
    flows = await repository.flows(connection, programme_id, wallet, moment, known_at or _EVER)
    local = moment.astimezone(ZoneInfo(await repository.zone(connection, programme_id)))
    # Seconds of arithmetic for a long history, and others want to be served.
    told = await asyncio.to_thread(forecast, flows, local.year * 12 + local.month - 1)
    return replace(told, cohorts=told.cohorts[-240:])


async def roll_forward(connection: Connection, programme_id: str, since: datetime, until: datetime, unit: str) -> list[RollForwardLine]:
    """Return how what members hold became what it is, by wallet and month or year.

    Raises:
        ReportInvalid: the period ends before it begins or is too long.
    """
    check_period(since, until)
    zone = await repository.zone(connection, programme_id)
    periods = _periods(since, until, zone, unit)
    rows = await repository.moved(connection, programme_id, since, until, unit)
    return [line for wallet, moved in groupby(rows, key=lambda row: row.wallet) for line in _lines(wallet, list(moved), periods)]


async def costs(connection: Connection, programme_id: str, since: datetime, until: datetime) -> list[CostRow]:
    """Return what rules, rates and hands gave in a period, and what it costs.

    Raises:
        ReportInvalid: the period ends before it begins or is too long.
    """
    check_period(since, until)
    return await repository.costs(connection, programme_id, POINTS, since, until)


def period(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Return the period that is meant: the last year where nothing is said."""
    ends = until or now
    return since or ends - _YEAR, ends


def check_period(since: datetime, until: datetime) -> None:
    """Refuse a period that ends before it begins, or is too long.

    Raises:
        ReportInvalid: it is such a period.
    """
    if not since < until <= since + _LONGEST:
        raise ReportInvalid


def worth(points: int, value: ValueRow) -> int:
    """Return the value of points in minor units, rounded half up; of points that are owed, below zero."""
    return (2 * points * value.amount_minor + value.points) // (2 * value.points)


def as_csv(lines: Sequence[RollForwardLine]) -> str:
    """Return a roll-forward as a table for spreadsheets."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(RollForwardLine.model_fields)
    table.writerows(line.model_dump().values() for line in lines)
    return text.getvalue()


def _lines(wallet: str, moved: Sequence[MovedRow], periods: Sequence[date]) -> list[RollForwardLine]:
    by_period = {row.begins: row for row in moved}
    before = by_period.pop(date.min, None)
    standing = before.net if before is not None else 0
    lines = []
    for begins in periods:
        row = by_period.get(begins) or MovedRow(wallet, begins, 0, 0, 0, 0, 0, 0, 0)
        parts = {name: getattr(row, name) for name in ("issued", "redeemed", "expired", "adjusted", "transferred", "reversed")}
        lines.append(RollForwardLine(wallet=wallet, begins_on=begins, opening=standing, closing=standing + row.net, **parts))
        standing += row.net
    return lines


def _periods(since: datetime, until: datetime, zone: str, unit: str) -> list[date]:
    local = since.astimezone(ZoneInfo(zone)).date()
    begins = local.replace(day=1) if unit == "month" else local.replace(month=1, day=1)
    found = []
    while midnight(begins, zone) < until:
        found.append(begins)
        months = begins.year * 12 + begins.month - 1 + (1 if unit == "month" else 12)
        begins = date(months // 12, months % 12 + 1, 1)
    return found
