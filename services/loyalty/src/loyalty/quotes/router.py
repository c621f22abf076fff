"""Routes of quotes and checkouts."""

from fastapi import Response

from loyalty.abuse.errors import MemberFrozen, VelocityExceeded
from loyalty.dependencies import WritesLoyalty
from loyalty.ledger.errors import InsufficientPoints
from loyalty.members.errors import MemberNotFound
from loyalty.payments.errors import PointsNotPayable
from loyalty.programmes.errors import ProgrammeNotFound, ProgrammeNotRunning
from loyalty.quotes import checkout, service
from loyalty.quotes.checkout import Done
from loyalty.quotes.schemas import Checkout, CheckoutRequest, CheckoutRollback, PointPayment, Quote, QuoteRequest
from loyalty.vouchers.errors import CheckoutDiffers, VoucherNotFound, VoucherRedemptionNotFound, VoucherReferenceTaken, VoucherRefused
from loyalty.vouchers.schemas import VoucherRedemption
from shared.http import APIRouter, Uow, problems

router = APIRouter(prefix="/v1", tags=["quotes"])

_QUOTING = (MemberNotFound, ProgrammeNotFound, ProgrammeNotRunning, PointsNotPayable, VelocityExceeded)
_PAYING = (VoucherNotFound, VoucherReferenceTaken, CheckoutDiffers, InsufficientPoints, MemberFrozen)


@router.post("/quotes", operation_id="quotes_create", responses=problems(*_QUOTING))
async def create(wanted: QuoteRequest, uow: Uow, caller: WritesLoyalty) -> Quote:
    """Work out what a member pays for a basket now, with his own discount and vouchers, and what he would earn; changes nothing."""
    return await service.quote(uow, wanted, caller=caller.principal)


@router.post(
    "/checkouts",
    operation_id="checkouts_create",
    status_code=201,
    responses=problems(
        *_QUOTING,
        VoucherNotFound,
        VoucherReferenceTaken,
        CheckoutDiffers,
        *VoucherRefused.REASONS.values(),
        InsufficientPoints,
        MemberFrozen,
    ),
)
async def check_out(wanted: CheckoutRequest, response: Response, uow: Uow, caller: WritesLoyalty) -> Checkout:
    """Use all codes of a basket, as its quote says, and spend its points, or nothing; the same reference again uses nothing more (200)."""
    done = await checkout.check_out(uow, wanted, caller=caller.principal)
    if done.quote is None:
        response.status_code = 200
    return _told(wanted, done)


@router.post("/checkouts/rollback", operation_id="checkouts_roll_back", responses=problems(VoucherRedemptionNotFound, MemberNotFound))
async def roll_back(wanted: CheckoutRollback, uow: Uow, _: WritesLoyalty) -> Checkout:
    """Take back all codes and points that a member used for a purchase; twice changes nothing more."""
    return _told(wanted, await checkout.take_back(uow, wanted))


def _told(wanted: CheckoutRequest | CheckoutRollback, done: Done) -> Checkout:
    return Checkout(
        customer_id=wanted.customer_id,
        reference=wanted.reference,
        redemptions=[VoucherRedemption.model_validate(dict(use)) for use in done.uses],
        payment=PointPayment.model_validate(dict(done.payment)) if done.payment is not None else None,
        quote=done.quote,
    )
