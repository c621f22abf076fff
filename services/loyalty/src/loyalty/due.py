"""What comes due with the time: booked late or never, it changes no balance, because every balance looks at the moment itself."""

from collections.abc import Mapping
from datetime import datetime

from loyalty.abuse import repository as abuse
from loyalty.earning import triggers
from loyalty.expiry import service as expiry
from loyalty.holds import service as holds
from loyalty.ledger import service as ledger
from loyalty.offers import service as offers
from loyalty.redemptions import service as redemptions
from loyalty.referrals import following as referrals
from loyalty.referrals import settling
from loyalty.tiers import booking as tiers
from loyalty.verification import service as verification
from shared.database.unit_of_work import UnitOfWork
from shared.service import PassFunction

# Entries or holds a transaction, so that members are never locked for long.
_BATCH = 200
# Rows that nobody waits for.
_MANY = 5_000


async def note_timed_out_holds(uow: UnitOfWork, _now: datetime) -> bool:
    """Note holds whose time is over."""
    return await holds.note_timed_out(uow, _BATCH) == _BATCH


async def note_timed_out_redemptions(uow: UnitOfWork, _now: datetime) -> bool:
    """Note redemptions that nobody fulfilled in time."""
    return await redemptions.note_timed_out(uow, _BATCH) == _BATCH


async def note_expired_offers(uow: UnitOfWork, _now: datetime) -> bool:
    """Tell of offers that nobody used in time."""
    return await offers.note_expired(uow, _BATCH) == _BATCH


async def book_expiries(uow: UnitOfWork, now: datetime) -> bool:
    """Book what has expired."""
    return await ledger.book_expiries(uow, _BATCH) >= _BATCH or await expiry.has_due(uow.connection, now)


async def remind_of_expiries(uow: UnitOfWork, now: datetime) -> bool:
    """Tell members of points that expire soon."""
    return await expiry.remind(uow, now, _BATCH)


async def seal_chains(uow: UnitOfWork, now: datetime) -> bool:
    """Seal the chains of entries."""
    await verification.seal(uow, now)
    return False


async def celebrate_anniversaries(uow: UnitOfWork, now: datetime) -> bool:
    """Give what rules give for anniversaries of enrolment."""
    return await triggers.celebrate(uow, now, _BATCH) == _BATCH


async def forget_activities(uow: UnitOfWork, _now: datetime) -> bool:
    """Forget what no limit looks at any more."""
    return await abuse.forget_activities(uow.connection, _MANY) == _MANY


async def book_tiers(uow: UnitOfWork, now: datetime) -> bool:
    """Book tiers that ended with time, and what a change of tiers brought."""
    return await tiers.book(uow, now)


async def settle_referrals(uow: UnitOfWork, now: datetime) -> bool:
    """Reward referrals whose orders cannot be returned any more, take back what came back, and note what has lapsed."""
    done = [
        await settling.complete_due(uow, now, _BATCH),
        await settling.reverse_due(uow, _BATCH),
        await referrals.lapse(uow, now, _BATCH),
    ]
    return _BATCH in done


PASSES: Mapping[str, PassFunction] = {
    "note_timed_out_holds": note_timed_out_holds,
    "note_timed_out_redemptions": note_timed_out_redemptions,
    "note_expired_offers": note_expired_offers,
    "book_expiries": book_expiries,
    "remind_of_expiries": remind_of_expiries,
    "book_tiers": book_tiers,
    "seal_chains": seal_chains,
    "celebrate_anniversaries": celebrate_anniversaries,
    "forget_activities": forget_activities,
    "settle_referrals": settle_referrals,
}
