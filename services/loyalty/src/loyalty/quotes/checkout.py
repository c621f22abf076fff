"""A basket is paid: all codes of its quote are used together or none is."""

from collections.abc import Sequence

from asyncpg import Record

from loyalty.abuse.guard import guard_guesses, note_wrong_guess
from loyalty.members import service as members
from loyalty.quotes import service
from loyalty.quotes.schemas import CheckoutRequest, Quote
from loyalty.vouchers import repository
from loyalty.vouchers import service as vouchers
from loyalty.vouchers.errors import CheckoutDiffers, VoucherNotFound, VoucherReferenceTaken, VoucherRefused
from loyalty.vouchers.rules import normalised
from loyalty.vouchers.using import Buyer, record
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import family


async def check_out(uow: UnitOfWork, wanted: CheckoutRequest, *, caller: str | None = None) -> tuple[list[Record], Quote | None]:
    """Use all codes of a basket for a purchase; return the uses, and the quote that they rest on, none when they were used before.

    Raises:
        MemberNotFound: there is no such member.
        ProgrammeNotFound: there is no such programme.
        ProgrammeNotRunning: it does not run now.
        VoucherNotFound: one of the codes does not exist; the pointer names it.
        VoucherRefused: one of them is worth nothing here and now; the pointer names it.
        VoucherReferenceTaken: another customer used one of them for this reference.
        CheckoutDiffers: some of them were used for this reference, and others were not.
        MemberFrozen: the member is frozen.
        VelocityExceeded: too many codes were used, or tried that there are not.
    """
    connection, codes = uow.connection, service.codes_of(wanted)
    await guard_guesses(uow, customer_id=wanted.customer_id, caller=caller)
    rows = await vouchers.found_among(connection, codes, lock=True)
    unknown = [code for code in codes if code not in rows]
    if unknown:
        note_wrong_guess(uow, customer_id=wanted.customer_id, caller=caller)
        raise VoucherNotFound(pointer=_pointer(wanted, unknown[0]))
    known = await _known(uow, wanted, codes)
    if known:
        return known, None
    quote, priced, basket, person = await service.work_out(connection, wanted, rows)
    for each in priced.codes:
        if each.reason is not None:
            raise VoucherRefused.REASONS[each.reason](pointer=_pointer(wanted, each.code))
    used = [(rows[cut.name], cut.total_minor) for cut in priced.cuts if cut.source == "voucher" and cut.name is not None]
    buyer = Buyer(wanted.customer_id, person, wanted.reference, basket.order_minor, wanted.currency)
    return await record(uow, buyer, used, caller=caller), quote


async def _known(uow: UnitOfWork, wanted: CheckoutRequest, codes: Sequence[str]) -> list[Record]:
    """Return the uses that the reference named before; none when it is new."""
    await members.require(uow.connection, wanted.customer_id)
    person = await family(uow.connection, wanted.customer_id)
    earlier = await repository.live_redemptions(uow.connection, codes, wanted.reference)
    if any(use["customer_id"] not in person.ids for use in earlier):
        raise VoucherReferenceTaken(pointer="/reference")
    if earlier and len(earlier) < len(codes):
        raise CheckoutDiffers(pointer="/reference")
    return earlier


def _pointer(wanted: CheckoutRequest, code: str) -> str:
    return f"/codes/{[normalised(shown) for shown in wanted.codes].index(code)}"
