"""Settlements: what a period comes to between the programme and a partner, and closing it for ever."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

from asyncpg import Record

from loyalty.partners import repository
from loyalty.partners.errors import PartnerNotFound, SettlementPeriodInvalid, SettlementPeriodOpen
from loyalty.partners.rules import net_minor, net_points, totals
from loyalty.partners.schemas import Settlement
from loyalty.partners.service import found
from shared.database.moments import database_now
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork

_NAMES = {
    "accrual": "accrued",
    "accrual_reversal": "accruals_reversed",
    "redemption": "redeemed",
    "redemption_reversal": "redemptions_reversed",
}
_END = datetime(9999, 12, 31, tzinfo=UTC)


async def settlement(connection: Connection, partner_id: str, from_at: datetime, until: datetime) -> Settlement:
    """Return what a period comes to; of one that is closed, what it came to then.

    Raises:
        PartnerNotFound: there is no such partner.
        SettlementPeriodInvalid: it ends before it begins.
    """
    partner = await found(connection, partner_id)
    if from_at >= until:
        raise SettlementPeriodInvalid(pointer="/until", location="query")
    closed = await repository.closed(connection, partner_id, from_at, until)
    return shown(closed) if closed is not None else Settlement.model_validate(await _report(connection, partner, from_at, until))


async def close(uow: UnitOfWork, partner_id: str, until: datetime, caller: str) -> Settlement:
    """Close the period since the last one; its figures never change from then on.

    Raises:
        PartnerNotFound: there is no such partner.
        SettlementPeriodOpen: the period is not over.
    """
    # Whoever posts for him has finished, or will post after this moment.
    partner = await repository.get(uow.connection, partner_id, lock=True)
    if partner is None:
        raise PartnerNotFound
    from_at = await repository.settled_until(uow.connection, partner_id) or partner["created_at"]
    if not from_at < until <= await database_now(uow.connection):
        raise SettlementPeriodOpen(pointer="/until", begins_at=from_at.isoformat())
    report = await _report(uow.connection, partner, from_at, until)
    kept = Settlement.model_validate(report).model_dump(mode="json")
    return shown(await repository.close(uow.connection, (partner_id, from_at, until, kept, caller)))


async def page(connection: Connection, partner_id: str, fetch: int, before: tuple[Any, ...] | None) -> list[Record]:
    """Return the settlements of a partner, newest first.

    Raises:
        PartnerNotFound: there is no such partner.
    """
    await found(connection, partner_id)
    return await repository.settlements(connection, partner_id, fetch, before[0] if before else _END)


def shown(row: Record) -> Settlement:
    """Return a settlement as it was closed."""
    kept = {name: row[name] for name in ("id", "closed_by", "closed_at")}
    return Settlement.model_validate(row["report"] | kept)


def as_csv(of: Settlement) -> str:
    """Return a settlement as a table: a line a direction, and the sum."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["partner_id", "from", "until", "line", "count", "points", "amount_minor", "currency"])
    period = [of.partner_id, of.from_at.isoformat(), of.until_at.isoformat()]
    for name in _NAMES.values():
        line = getattr(of, name)
        table.writerow([*period, name, line.count, line.points, line.amount_minor, of.currency])
    table.writerow([*period, "net", "", of.net_points, of.net_minor, of.currency])
    return text.getvalue()


async def _report(connection: Connection, partner: Record, from_at: datetime, until: datetime) -> dict[str, Any]:
    of = totals(await repository.lines(connection, partner["id"], from_at, until))
    by_ledger = await repository.ledger_points(connection, partner["id"], from_at, until)
    lines = {
        _NAMES[direction]: {"count": total.count, "points": total.points, "amount_minor": total.amount_minor}
        for direction, total in of.items()
    }
    return lines | {
        "id": None,
        "partner_id": partner["id"],
        "from_at": from_at,
        "until_at": until,
        "currency": partner["currency"],
        "net_points": net_points(of),
        "net_minor": net_minor(of),
        "ledger_points": by_ledger,
        "matches": by_ledger == net_points(of),
        "closed_by": None,
        "closed_at": None,
    }
