"""Routes of quotes and checkouts."""

from collections.abc import Sequence
from typing import Any

from fastapi import Response

from loyalty.abuse.errors import MemberFrozen, VelocityExceeded
from loyalty.dependencies import WritesLoyalty
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound, ProgrammeNotRunning
from loyalty.quotes import checkout, service
from loyalty.quotes.schemas import Checkout, CheckoutRequest, CheckoutRollback, Quote, QuoteRequest
from loyalty.vouchers import service as vouchers
from loyalty.vouchers.errors import CheckoutDiffers, VoucherNotFound, VoucherRedemptionNotFound, VoucherReferenceTaken, VoucherRefused
from loyalty.vouchers.schemas import VoucherRedemption
from shared.http import APIRouter, Uow, problems

router = APIRouter(prefix="/v1", tags=["quotes"])

_QUOTING = (MemberNotFound, ProgrammeNotFound, ProgrammeNotRunning, VelocityExceeded)


@router.post("/quotes", operation_id="quotes_create", responses=problems(*_QUOTING))
async def create(wanted: QuoteRequest, uow: Uow, caller: WritesLoyalty) -> Quote:
    """Work out what a member pays for a basket now, with his own discount and vouchers, and what he would earn; changes nothing."""
    return await service.quote(uow, wanted, caller=caller.principal)


@router.post(
    "/checkouts",
    operation_id="checkouts_create",
    status_code=201,
    responses=problems(*_QUOTING, VoucherNotFound, VoucherReferenceTaken, CheckoutDiffers, *VoucherRefused.REASONS.values(), MemberFrozen),
)
async def check_out(wanted: CheckoutRequest, response: Response, uow: Uow, caller: WritesLoyalty) -> Checkout:
    """Use all codes of a basket together, as its quote says, or none of them; the same reference again uses nothing more (200)."""
    uses, quote = await checkout.check_out(uow, wanted, caller=caller.principal)
    if quote is None:
        response.status_code = 200
    return _told(wanted, uses, quote)


@router.post("/checkouts/rollback", operation_id="checkouts_roll_back", responses=problems(VoucherRedemptionNotFound))
async def roll_back(wanted: CheckoutRollback, uow: Uow, _: WritesLoyalty) -> Checkout:
    """Take back all codes that a member used for a purchase."""
    return _told(wanted, await vouchers.roll_all_back(uow, wanted.customer_id, wanted.reference))


def _told(wanted: CheckoutRequest | CheckoutRollback, uses: Sequence[Any], quote: Quote | None = None) -> Checkout:
    redemptions = [VoucherRedemption.model_validate(dict(use)) for use in uses]
    return Checkout(customer_id=wanted.customer_id, reference=wanted.reference, redemptions=redemptions, quote=quote)
