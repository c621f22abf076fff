"""Tiers as data, and where members stand.

Whoever earns, sells or shows something asks here:

    [found] = await tiers.standings_at(connection, programme_id, [("cus_1", placed_at)])   # before what happens at that instant
    found.tier, found.benefits                                                             # None and {} below the first tier
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

from loyalty.members import service as members
from loyalty.programmes import repository as programmes
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.tiers import booking, repository
from loyalty.tiers import standing as standings
from loyalty.tiers.errors import TierCodeReserved, TierNotFound, TiersNotRising, TierTimeInvalid
from loyalty.tiers.facts import history_of
from loyalty.tiers.repository import SchemeRow, TierRow
from loyalty.tiers.rules import Change, History, Scheme, Standing, Stood, chronicle, standing
from loyalty.tiers.schemas import Qualification, QualificationWish, TierDraft, TierGift
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version

_RESERVED = {"qualification", "losses"}
_MAX_TIERS = 100


async def found(connection: Connection, programme_id: str, code: str) -> TierRow:
    """Return a tier.

    Raises:
        TierNotFound: there is none.
    """
    row = await repository.find(connection, programme_id, code)
    if row is None:
        raise TierNotFound
    return row


async def make(uow: UnitOfWork, programme_id: str, wanted: TierDraft, *, now: datetime) -> TierRow:
    """Make a tier.

    Raises:
        ProgrammeNotFound: there is no such programme.
        TierExists: another has its code or rank.
        TierCodeReserved: its code is the name of a route.
        TiersNotRising: it does not ask for more than each lower one and less than each higher one.
        TierTimeInvalid: it would begin in the future.
    """
    if wanted.code in _RESERVED:
        raise TierCodeReserved(pointer="/code")
    await _lock(uow, programme_id)
    await repository.insert(uow.connection, programme_id, wanted.model_dump(mode="json"))
    await _publish(uow, programme_id, wanted.effective_from, now)
    return await found(uow.connection, programme_id, wanted.code)


async def amend(uow: UnitOfWork, programme_id: str, code: str, changes: Mapping[str, Any], expected: int, *, now: datetime) -> TierRow:
    """Change a tier; what counted before stays in the versions of before.

    Raises:
        TierNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
        TierExists: another has its rank.
        TiersNotRising: it does not ask for more than each lower one and less than each higher one.
        TierTimeInvalid: it would begin in the future.
    """
    await _lock(uow, programme_id)
    check_version(expected, (await found(uow.connection, programme_id, code)).version)
    await repository.change(uow.connection, programme_id, code, changes)
    await _publish(uow, programme_id, changes.get("effective_from"), now)
    return await found(uow.connection, programme_id, code)


async def delete(uow: UnitOfWork, programme_id: str, code: str, expected: int) -> None:
    """Delete a tier: from now on nobody has it.

    Raises:
        TierNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
    """
    await _lock(uow, programme_id)
    check_version(expected, (await found(uow.connection, programme_id, code)).version)
    await repository.delete(uow.connection, programme_id, code)
    await _publish(uow, programme_id, None, None)


def tag_of(scheme: SchemeRow | None) -> int:
    """Return the version that a change of how tiers are reached has to name; there is one before there is a scheme."""
    return scheme.version + 1 if scheme is not None else 1


async def qualify(uow: UnitOfWork, programme_id: str, wanted: QualificationWish, expected: int, *, now: datetime) -> SchemeRow:
    """Say how tiers are reached and lost from a moment on.

    Raises:
        ProgrammeNotFound: there is no such programme.
        PreconditionFailed: it was changed meanwhile, or a tier was.
        TierTimeInvalid: it would begin in the future.
    """
    await _lock(uow, programme_id)
    check_version(expected, tag_of(await repository.latest(uow.connection, programme_id)))
    qualification = wanted.model_dump(mode="json", exclude={"effective_from"})
    await _publish(uow, programme_id, wanted.effective_from, now, qualification)
    scheme = await repository.latest(uow.connection, programme_id)
    assert scheme is not None
    return scheme


async def _lock(uow: UnitOfWork, programme_id: str) -> None:
    if await programmes.lock(uow.connection, programme_id) is None:
        raise ProgrammeNotFound


async def _publish(
    uow: UnitOfWork,
    programme_id: str,
    effective_from: datetime | None,
    now: datetime | None,
    qualification: Mapping[str, Any] | None = None,
) -> None:
    if effective_from is not None and now is not None and effective_from > now:
        raise TierTimeInvalid(pointer="/effective_from")
    tiers = await repository.page(uow.connection, programme_id, _MAX_TIERS + 1, None)
    if len(tiers) > _MAX_TIERS or any(low.threshold >= high.threshold for low, high in pairwise(tiers)):
        raise TiersNotRising(pointer="/threshold")
    last = await repository.latest(uow.connection, programme_id)
    if qualification is None:
        qualification = last.qualification if last is not None else Qualification().model_dump(mode="json")
    await repository.add_scheme(uow.connection, programme_id, last.version + 1 if last is not None else 1, qualification, effective_from)


async def give(
    uow: UnitOfWork, programme_id: str, customer_id: str, wanted: TierGift, *, caller: str, now: datetime
) -> tuple[Standing, datetime]:
    """Give a member a tier by hand, or end what was given; return where he stands then, and when.

    Raises:
        MemberNotFound: there is no such member.
        TierNotFound: there is no such tier.
        TierTimeInvalid: it would end in the past.
    """
    await members.admit(uow.connection, customer_id)
    if wanted.tier is not None:
        await found(uow.connection, programme_id, wanted.tier)
    if wanted.until is not None and wanted.until <= now:
        raise TierTimeInvalid(pointer="/until")
    await repository.override(uow.connection, programme_id, customer_id, wanted.model_dump(), caller)
    await booking.refresh(uow, [customer_id])
    return await member_tier(uow.connection, customer_id, programme_id=programme_id)


async def member_tier(
    connection: Connection,
    customer_id: str,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    programme_id: str = PROGRAMME_ID,
) -> tuple[Standing, datetime]:
    """Return where a member stands at an instant, and the instant.

    Args:
        connection: of the caller.
        customer_id: any id of his family.
        as_of: the instant; the present when None. May lie ahead: then as if nothing more happened.
        known_at: only what was known then counts, of history and schemes; everything when None.
        programme_id: the programme.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    some = (await repository.schemes(connection, programme_id, known_at)).get(programme_id, [])
    if as_of is None and known_at is None:
        found = await standings.now(connection, programme_id, customer_id, some)
        if found is not None:
            return found
    history, moment = await _known(connection, programme_id, customer_id, some, as_of, known_at)
    return standing(history, some, moment), moment


async def changes_of(
    connection: Connection, customer_id: str, known_at: datetime | None = None, programme_id: str = PROGRAMME_ID
) -> list[tuple[Change, datetime | None]]:
    """Return every change of a member's tier until now, the newest first, and when each was booked.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    booked = await repository.booked(connection, programme_id, customer_id)
    some = (await repository.schemes(connection, programme_id, known_at)).get(programme_id, [])
    if known_at is None and some and await repository.kept(connection, programme_id, customer_id) is not None:
        return [(one.change, one.recorded_at) for one in reversed(booked)]
    history, moment = await _known(connection, programme_id, customer_id, some, None, known_at)
    recorded = {(one.change.at, one.change.tier): one.recorded_at for one in booked}
    changes = [change for change in chronicle(history, some) if change.at <= moment]
    return [(change, recorded.get((change.at, change.tier))) for change in reversed(changes)]


async def tier_of(
    connection: Connection, customer_id: str, as_of: datetime | None, known_at: datetime | None, programme_id: str = PROGRAMME_ID
) -> tuple[str | None, datetime | None]:
    """Return the tier of somebody known to be a member, and until when he has it; at present what is kept of it, as long as it is true."""
    if as_of is None and known_at is None:
        kept = await repository.kept(connection, programme_id, customer_id)
        if kept is not None:
            return kept["tier"], kept["until"]
    some = (await repository.schemes(connection, programme_id, known_at)).get(programme_id, [])
    if not any(scheme.tiers for scheme in some):
        return None, None
    history, moment = await _known(connection, programme_id, customer_id, some, as_of, known_at)
    found = standing(history, some, moment)
    return found.tier, found.until


async def standings_at(
    connection: Connection, programme_id: str, of: Sequence[tuple[str, datetime]], some: Sequence[Scheme] | None = None
) -> list[Stood]:
    """Return what customers had at moments, before what happened at each; mostly with one round trip more than the schemes.

    Args:
        connection: of the caller.
        programme_id: the programme.
        of: customer and moment.
        some: the programme's schemes, where the caller has read them already.
    """
    if some is None:
        some = (await repository.schemes(connection, programme_id)).get(programme_id, [])
    if not of or not any(scheme.tiers for scheme in some):
        return [Stood()] * len(of)
    return await standings.stood_at(connection, programme_id, of, some)


def multiplier_of(found: Stood) -> Fraction:
    """Return the factor of what a member earns where he stands."""
    return Fraction(found.benefits.get("multiplier", "1"))


async def multiplier_at(connection: Connection, customer_ids: Sequence[str], moments: Sequence[datetime]) -> list[Fraction]:
    """Return the factors of what customers earned at moments in the default programme, before what happened at each."""
    stood = await standings_at(connection, PROGRAMME_ID, list(zip(customer_ids, moments, strict=True)))
    return [multiplier_of(one) for one in stood]


async def _known(
    connection: Connection,
    programme_id: str,
    customer_id: str,
    some: Sequence[Scheme],
    as_of: datetime | None,
    known_at: datetime | None,
) -> tuple[History, datetime]:
    [rows] = (await repository.histories(connection, programme_id, some, [customer_id], as_of, known_at)).values()
    return history_of(rows), next(row.happened_at for row in rows if row.kind == "now")
