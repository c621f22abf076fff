"""Programmes side by side: how they come to be, and which of them run.

The default one runs since ever. Each other is drafted, published from a moment on and ended, and everything that may earn is seen by all
that run at its moment, each for itself: with its own rules or else its rate, by its own clock, into its own wallets.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from loyalty.ledger.errors import WalletNotFound
from loyalty.ledger.rules import POINTS, TIER_POINTS
from loyalty.programmes import repository
from loyalty.programmes.errors import (
    DefaultProgramme,
    ProgrammeNotFound,
    ProgrammeNotPublished,
    ProgrammeNotRunning,
    ProgrammePublished,
    RunInvalid,
)
from loyalty.programmes.repository import ProgrammeRow, Standing
from loyalty.programmes.rules import Programme
from loyalty.programmes.schemas import NewRate, ProgrammeDraft, ProgrammePatch
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version
from shared.ids import new_id

# The first rate of a programme counts for whatever was placed before there is another.
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_PERIOD = {"starts_at", "ends_at"}


async def running(connection: Connection, moments: Collection[datetime]) -> list[Programme]:
    """Return the programmes that run at any of these moments, or between them, with their rules; the default one is always among them."""
    return await repository.running(connection, min(moments), max(moments)) if moments else []


async def require(connection: Connection, programme_id: str | None) -> str:
    """Return the programme that is meant: the default one when none is named.

    Raises:
        ProgrammeNotFound: there is none.
    """
    if programme_id is None:
        return PROGRAMME_ID
    if not await repository.exists(connection, programme_id):
        raise ProgrammeNotFound
    return programme_id


async def require_running(connection: Connection, programme_id: str, moment: datetime) -> None:
    """Make sure that a programme runs at a moment.

    Raises:
        ProgrammeNotRunning: it does not.
    """
    if not await repository.is_running(connection, programme_id, moment):
        raise ProgrammeNotRunning


async def require_wallet(connection: Connection, code: str, programme_id: str = PROGRAMME_ID) -> None:
    """Make sure that a programme has a wallet.

    Raises:
        WalletNotFound: it has none of this code.
    """
    if not await repository.has_wallet(connection, programme_id, code):
        raise WalletNotFound


async def found(connection: Connection, programme_id: str) -> ProgrammeRow:
    """Return a programme.

    Raises:
        ProgrammeNotFound: there is none.
    """
    row = await repository.find(connection, programme_id)
    if row is None:
        raise ProgrammeNotFound
    return row


async def make(uow: UnitOfWork, wanted: ProgrammeDraft, *, caller: str) -> ProgrammeRow:
    """Keep a new programme as a draft.

    Raises:
        RunInvalid: it would end before it begins.
    """
    _check_run(wanted.starts_at, wanted.ends_at)
    programme_id = new_id("prg")
    await repository.insert(uow.connection, programme_id, wanted.name)
    await repository.add_rate(uow.connection, programme_id, wanted.rate.points, wanted.rate.amount_minor, wanted.rate.currencies, _EVER)
    own = [(wallet.code, wallet.kind, wallet.currency) for wallet in wanted.wallets]
    await repository.add_wallets(uow.connection, programme_id, [(POINTS, POINTS, None), (TIER_POINTS, TIER_POINTS, None), *own])
    return await _change(uow, programme_id, wanted.model_dump(mode="json", exclude={"rate", "wallets"}), caller)


async def amend(uow: UnitOfWork, programme_id: str, patch: ProgrammePatch, expected: int, *, caller: str) -> ProgrammeRow:
    """Change the fields of a programme that were sent.

    Raises:
        ProgrammeNotFound: there is none.
        PreconditionFailed: it was changed meanwhile.
        ProgrammePublished: its period cannot be changed any more.
        RunInvalid: it would end before it begins.
    """
    standing = await _lock(uow, programme_id)
    check_version(expected, standing.version)
    if patch.model_fields_set & _PERIOD:
        if standing.published_at is not None:
            raise ProgrammePublished
        _check_run(
            patch.starts_at if "starts_at" in patch.model_fields_set else standing.starts_at,
            patch.ends_at if "ends_at" in patch.model_fields_set else standing.ends_at,
        )
    return await _change(uow, programme_id, patch.model_dump(mode="json", exclude_unset=True), caller)


async def publish(uow: UnitOfWork, programme_id: str, effective_from: datetime | None, *, caller: str, now: datetime) -> ProgrammeRow:
    """Let a programme run from a moment on: as it was drafted, or else at once.

    Raises:
        ProgrammeNotFound: there is none.
        ProgrammePublished: that was done before.
        RunInvalid: it would end before it begins.
    """
    standing = await _lock(uow, programme_id)
    if standing.published_at is not None:
        raise ProgrammePublished
    starts_at = effective_from or standing.starts_at or now
    _check_run(starts_at, standing.ends_at)
    return await _change(uow, programme_id, {"starts_at": starts_at.isoformat(), "published_at": now.isoformat()}, caller)


async def end(uow: UnitOfWork, programme_id: str, effective_until: datetime | None, *, caller: str, now: datetime) -> ProgrammeRow:
    """Let a programme run until a moment; what happened before stays as it is, and what members have stays theirs.

    Raises:
        ProgrammeNotFound: there is none.
        ProgrammeNotPublished: it does not run.
        DefaultProgramme: that one never ends.
        RunInvalid: it would have ended already, or before it begins.
    """
    standing = await _lock(uow, programme_id)
    if programme_id == PROGRAMME_ID:
        raise DefaultProgramme
    if standing.published_at is None:
        raise ProgrammeNotPublished
    ends_at = effective_until or now
    _check_run(standing.starts_at, ends_at)
    # What happened until now was given already.
    if ends_at < now:
        raise RunInvalid(pointer="/effective_until")
    return await _change(uow, programme_id, {"ends_at": ends_at.isoformat()}, caller)


async def add_rate(uow: UnitOfWork, programme_id: str, wanted: NewRate, *, caller: str, now: datetime) -> ProgrammeRow:
    """Give a programme another rate from a moment on; orders that are known keep theirs.

    Raises:
        ProgrammeNotFound: there is none.
        RateExists: a rate begins at that moment already.
        DefaultProgramme: the default one looks at no currency.
    """
    await _lock(uow, programme_id)
    if programme_id == PROGRAMME_ID and wanted.currencies is not None:
        raise DefaultProgramme
    since = wanted.effective_from or now
    await repository.add_rate(uow.connection, programme_id, wanted.points, wanted.amount_minor, wanted.currencies, since)
    return await _change(uow, programme_id, {}, caller)


async def _lock(uow: UnitOfWork, programme_id: str) -> Standing:
    standing = await repository.lock(uow.connection, programme_id)
    if standing is None:
        raise ProgrammeNotFound
    return standing


async def _change(uow: UnitOfWork, programme_id: str, changes: dict[str, Any], caller: str) -> ProgrammeRow:
    await repository.change(uow.connection, programme_id, changes)
    await repository.note_version(uow.connection, programme_id, caller)
    return await found(uow.connection, programme_id)


def _check_run(starts_at: datetime | None, ends_at: datetime | None) -> None:
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise RunInvalid(pointer="/ends_at")
