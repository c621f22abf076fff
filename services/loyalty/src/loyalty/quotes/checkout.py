"""A basket is paid: all codes of its quote are used and its points spent, or nothing is."""

from collections.abc import Sequence
from typing import NamedTuple

from asyncpg import Record

from loyalty.abuse.guard import guard_guesses, note_wrong_guess
from loyalty.earning.repository import lock_pools
from loyalty.members import service as members
from loyalty.payments import repository as paid
from loyalty.payments import service as payments
from loyalty.quotes import service
from loyalty.quotes.schemas import CheckoutRequest, CheckoutRollback, Quote
from loyalty.vouchers import repository
from loyalty.vouchers import service as vouchers
from loyalty.vouchers.errors import (
    CheckoutDiffers,
    VoucherNotFound,
    VoucherRedemptionNotFound,
    VoucherReferenceTaken,
    VoucherRefused,
)
from loyalty.vouchers.rules import normalised
from loyalty.vouchers.using import Buyer, record
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import family


class Done(NamedTuple):
    """What a purchase used, and the quote that it rests on; no quote when it was used before, or is taken back."""

    uses: Sequence[Record]
    payment: Record | None
    quote: Quote | None = None


async def check_out(uow: UnitOfWork, wanted: CheckoutRequest, *, caller: str | None = None) -> Done:
    """Use all codes of a basket for a purchase and spend its points, or nothing.

    The member's pool is held first where he pays with points, then the codes.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
        ProgrammeNotRunning: it does not run now.
        VoucherNotFound: one of the codes does not exist; the pointer names it.
        VoucherRefused: one of them is worth nothing here and now; the pointer names it.
        VoucherReferenceTaken: another customer used one of them for this reference.
        CheckoutDiffers: some of it was used for this reference, and the rest was not.
        PointsNotPayable: its points are worth nothing in its currency.
        InsufficientPoints: there are fewer than he pays with.
        MemberFrozen: the member is frozen.
        VelocityExceeded: too much was used, or too many codes were tried that there are not.
    """
    connection = uow.connection
    await members.admit(connection, wanted.customer_id)
    if wanted.points:
        await lock_pools(connection, [wanted.customer_id])
    rows = await _locked(uow, wanted, caller)
    known = await _known(uow, wanted)
    if known is not None:
        return known
    worked = await service.work_out(connection, wanted, rows)
    for each in worked.priced.codes:
        if each.reason is not None:
            raise VoucherRefused.REASONS[each.reason](pointer=_pointer(wanted, each.code))
    used = [(rows[cut.name], cut.total_minor) for cut in worked.priced.cuts if cut.source == "voucher" and cut.name is not None]
    buyer = Buyer(wanted.customer_id, worked.person, wanted.reference, worked.basket.order_minor, wanted.currency)
    payment = None
    if worked.asked.points:
        programme_id = worked.quote.programme_id
        payment = await payments.pay(uow, programme_id, wanted.customer_id, wanted.reference, worked.asked, wanted.currency, caller=caller)
    return Done(await record(uow, buyer, used, caller=caller), payment, worked.quote)


async def take_back(uow: UnitOfWork, wanted: CheckoutRollback) -> Done:
    """Take back all that a member used for a purchase; taking it back twice changes nothing more.

    Raises:
        VoucherRedemptionNotFound: there is nothing.
        MemberNotFound: his membership ended, and with it the points that could come back.
    """
    await lock_pools(uow.connection, [wanted.customer_id])
    person = await family(uow.connection, wanted.customer_id)
    uses = await vouchers.roll_all_back(uow, person, wanted.reference)
    payment = await payments.take_back(uow, person, wanted.reference)
    if not uses and payment is None:
        raise VoucherRedemptionNotFound
    return Done(uses, payment)


async def _locked(uow: UnitOfWork, wanted: CheckoutRequest, caller: str | None) -> dict[str, Record]:
    codes = service.codes_of(wanted)
    if not codes:
        return {}
    await guard_guesses(uow, customer_id=wanted.customer_id, caller=caller)
    rows = await vouchers.found_among(uow.connection, codes, lock=True)
    unknown = [code for code in codes if code not in rows]
    if unknown:
        note_wrong_guess(uow, customer_id=wanted.customer_id, caller=caller)
        raise VoucherNotFound(pointer=_pointer(wanted, unknown[0]))
    return rows


async def _known(uow: UnitOfWork, wanted: CheckoutRequest) -> Done | None:
    """Return what the reference named before; None when it is new."""
    person, codes = await family(uow.connection, wanted.customer_id), service.codes_of(wanted)
    uses = await repository.live_redemptions(uow.connection, codes, wanted.reference) if codes else []
    payment = await paid.live(uow.connection, person.ids, wanted.reference)
    if any(use["customer_id"] not in person.ids for use in uses):
        raise VoucherReferenceTaken(pointer="/reference")
    if not uses and payment is None:
        return None
    # That there is no payment may be because there was nothing to pay.
    if len(uses) < len(codes) or (payment is not None and not wanted.points):
        raise CheckoutDiffers(pointer="/reference")
    return Done(uses, payment)


def _pointer(wanted: CheckoutRequest, code: str) -> str:
    return f"/codes/{[normalised(shown) for shown in wanted.codes].index(code)}"
