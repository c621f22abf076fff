"""When points end: the policies of programmes, what expires when, and reminders of it.

Balances ask nobody: the database works out from policies and activity what counts at an instant (`standing_of`, `lot_expiry`).
"""

from datetime import datetime, timedelta

from loyalty.expiry import repository
from loyalty.expiry.errors import PeriodInvalid, PolicyExists, PolicyTooLate, TermInvalid, TierUnknown
from loyalty.expiry.repository import ExpirationRow, ExpiringRow, Mark, PolicyRow
from loyalty.expiry.schemas import ExpiryPolicyInput
from loyalty.members import service as members
from loyalty.programmes import service as programmes
from loyalty.programmes.errors import ProgrammeNotFound
from shared.contracts.loyalty import PointsExpiring
from shared.database.pool import Connection
from shared.database.rows import affected
from shared.database.unit_of_work import UnitOfWork
from shared.http.pagination import SortKey
from shared.ids import new_id

_COUNTABLE = {
    "rolling": {"day", "month", "quarter", "year"},
    "calendar": {"month", "quarter", "year"},
    "activity": {"day", "month", "year"},
}
_LONGEST = timedelta(days=3_700)
_LAST_ACCOUNT = 2**62


async def policies(connection: Connection, programme_id: str, now: datetime) -> tuple[PolicyRow | None, list[PolicyRow]]:
    """Return the policy in force and all policies of a programme, the one that begins last first.

    Raises:
        ProgrammeNotFound: there is no such programme.
    """
    await programmes.require(connection, programme_id)
    rows = await repository.policies(connection, programme_id)
    return next((row for row in rows if row.effective_from <= now), None), rows


async def add_policy(uow: UnitOfWork, programme_id: str, wanted: ExpiryPolicyInput, now: datetime) -> PolicyRow:
    """Let points that are earned from a moment on end by another policy; the same policy again changes nothing.

    Raises:
        ProgrammeNotFound: there is no such programme.
        TermInvalid: this kind takes another unit, or none.
        TierUnknown: the programme has no tier of a code that is named.
        PolicyExists: another begins at that moment.
        PolicyTooLate: points were earned since then.
    """
    _check_term(wanted)
    zone = await repository.lock(uow.connection, programme_id)
    if zone is None:
        raise ProgrammeNotFound
    since = wanted.effective_from or now
    days = sorted(set(wanted.reminder_days), reverse=True)
    policy = PolicyRow(0, wanted.kind, wanted.unit, wanted.units, zone, wanted.exempt_tiers, days, since)
    known = next((row for row in await repository.policies(uow.connection, programme_id) if row.effective_from == since), None)
    if known is not None:
        if known[1:4] + known[5:] != policy[1:4] + policy[5:]:
            raise PolicyExists
        return known
    unknown = await repository.unknown_tier(uow.connection, programme_id, wanted.exempt_tiers)
    if unknown is not None:
        raise TierUnknown(pointer=f"/exempt_tiers/{unknown}", tier=wanted.exempt_tiers[unknown])
    if since < now and await repository.has_earned_since(uow.connection, programme_id, since):
        raise PolicyTooLate
    return await repository.add(uow.connection, programme_id, policy)


async def of_member(
    connection: Connection,
    customer_id: str,
    programme_id: str | None,
    *,
    wallet: str | None = None,
    many: int,
    after: SortKey | None = None,
) -> list[ExpirationRow]:
    """Return what of a member's points expires when, as things are now, soonest first.

    Args:
        connection: of the caller.
        customer_id: any id of his family.
        programme_id: whose points; of the default programme when None.
        wallet: of this one only; of all when None.
        many: rows at most.
        after: instant and wallet of the last row that is known; from the beginning when None.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
    """
    await members.require(connection, customer_id)
    return await repository.of_member(connection, customer_id, await programmes.require(connection, programme_id), wallet, many, after)


async def of_programme(
    connection: Connection, programme_id: str | None, since: datetime | None, until: datetime | None, now: datetime, unit: str
) -> list[ExpiringRow]:
    """Return what of a programme's points expires when, as things are now; what has lapsed already is no forecast.

    Raises:
        PeriodInvalid: it ends before it begins or is too long.
        ProgrammeNotFound: there is no such programme.
    """
    begins = max(since or now, now)
    ends = until or begins + timedelta(days=90)
    if not begins < ends <= begins + _LONGEST:
        raise PeriodInvalid
    return await repository.of_programme(connection, await programmes.require(connection, programme_id), begins, ends, unit)


async def remind(uow: UnitOfWork, now: datetime, many: int) -> bool:
    """Tell of points that expire within the lead times of their programmes, each once; return whether there may be more."""
    is_more = False
    for programme_id, days in await repository.leads(uow.connection, now):
        watched = await repository.watched_due(uow.connection, programme_id, days, now, many)
        await repository.refresh(uow.connection, watched, now)
        fixed, is_cut = await _fixed(uow, programme_id, days, now, many)
        for due in await repository.remind(uow.connection, sorted({*watched, *fixed}), programme_id, days, now):
            event = PointsExpiring(reminder_id=new_id("rem"), days=days, **due._asdict())
            uow.publish(event, sequence=1)
        is_more = is_more or is_cut or len(watched) == many
    return is_more


async def has_due(connection: Connection, now: datetime) -> bool:
    """Return whether there are wallets left whose points may have lapsed, unless activity has put that off."""
    return await repository.has_due(connection, now)


async def erase(connection: Connection, customer_ids: list[str]) -> dict[str, int]:
    """Forget of what erased customers were reminded."""
    return {"expiry_reminders": affected(await repository.erase(connection, customer_ids))}


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, object]]]:
    """Return of what customers were reminded."""
    return {"expiry_reminders": await repository.collect(connection, customer_ids)}


async def _fixed(uow: UnitOfWork, programme_id: str, days: int, now: datetime, many: int) -> tuple[list[int], bool]:
    """Return the wallets of which something has come so near since the last look, and whether there are more."""
    until = now + timedelta(days=days)
    mark = await repository.mark(uow.connection, programme_id, days, now)
    due = await repository.fixed_due(uow.connection, mark, until, many)
    is_cut = len(due) == many
    reached = due[-1] if is_cut else Mark(max(until, mark.expires_at), _LAST_ACCOUNT)
    await repository.move_mark(uow.connection, programme_id, days, reached)
    return [wallet.account_id for wallet in due], is_cut


def _check_term(wanted: ExpiryPolicyInput) -> None:
    if wanted.kind == "never":
        if wanted.unit is not None or wanted.units is not None:
            raise TermInvalid(pointer="/unit")
    elif wanted.unit not in _COUNTABLE[wanted.kind] or wanted.units is None:
        raise TermInvalid(pointer="/unit")
    if wanted.exempt_tiers and wanted.kind != "activity":
        raise TermInvalid(pointer="/exempt_tiers")
