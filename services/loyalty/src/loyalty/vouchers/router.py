"""Routes of vouchers."""

from datetime import datetime

from fastapi import Response

from loyalty.abuse.errors import MemberFrozen, VelocityExceeded
from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty, ReadsMember, WritesLoyalty
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.service import require
from loyalty.vouchers import repository, service
from loyalty.vouchers.errors import (
    VoucherBatchNotFound,
    VoucherNotFound,
    VoucherRedemptionNotFound,
    VoucherReferenceTaken,
    VoucherRefused,
    VoucherTermsInvalid,
)
from loyalty.vouchers.schemas import (
    BatchIdPath,
    CodePath,
    RedemptionIdPath,
    Voucher,
    VoucherAnswer,
    VoucherBatch,
    VoucherBatchDraft,
    VoucherBatchPatch,
    VoucherQuestion,
    VoucherRedemption,
    VoucherUse,
)
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag
from shared.http.job_routes import accepted
from shared.http.merge_patch import changes

router = APIRouter(prefix="/v1", tags=["vouchers"])


@router.post(
    "/voucher-batches",
    operation_id="voucher_batches_create",
    status_code=201,
    responses={202: {"model": VoucherBatch, "description": "The codes are being made."}} | problems(ProgrammeNotFound, VoucherTermsInvalid),
)
async def make_batch(draft: VoucherBatchDraft, response: Response, uow: Uow, caller: ManagesLoyalty) -> VoucherBatch:
    """Make up to a million codes: ten thousand at once, more in the background (202, with the job in Location)."""
    batch, job_id = await service.make_batch(uow, draft, caller.principal)
    set_etag(response, batch["version"])
    if job_id is not None:
        accepted(response, job_id)
    return VoucherBatch.model_validate(dict(batch))


@router.get("/voucher-batches", operation_id="voucher_batches_list", responses=problems(ProgrammeNotFound))
async def list_batches(page: PageQuery, connection: Reads, _: ManagesLoyalty, programme_id: ProgrammeQuery = None) -> Page[VoucherBatch]:
    """List the batches of a programme, newest first."""
    programme = await require(connection, programme_id)
    rows = await repository.batches(connection, programme, page.fetch, page.key(datetime, str))
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=lambda row: VoucherBatch.model_validate(dict(row)))


@router.get("/voucher-batches/{batch_id}", operation_id="voucher_batches_get", responses=problems(VoucherBatchNotFound))
async def get_batch(batch_id: BatchIdPath, response: Response, connection: Reads, _: ManagesLoyalty) -> VoucherBatch:
    """Return a batch, with how many of its codes exist so far."""
    batch = await service.found_batch(connection, batch_id)
    set_etag(response, batch["version"], batch["generated"])
    return VoucherBatch.model_validate(dict(batch))


@router.patch(
    "/voucher-batches/{batch_id}",
    operation_id="voucher_batches_update",
    responses=problems(VoucherBatchNotFound, VoucherTermsInvalid, PreconditionFailed, PreconditionRequired),
)
async def amend_batch(
    batch_id: BatchIdPath, patch: VoucherBatchPatch, match: IfMatch, response: Response, uow: Uow, _: ManagesLoyalty
) -> VoucherBatch:
    """Stop a campaign, start it again, or change its end."""
    batch = await service.amend_batch(uow, batch_id, changes(patch), match)
    set_etag(response, batch["version"])
    return VoucherBatch.model_validate(dict(batch))


@router.get("/voucher-batches/{batch_id}/codes", operation_id="voucher_batches_list_codes", responses=problems(VoucherBatchNotFound))
async def list_codes(batch_id: BatchIdPath, page: PageQuery, connection: Reads, _: ManagesLoyalty) -> Page[Voucher]:
    """List the codes of a batch."""
    rows = await service.codes_of(connection, batch_id, page.fetch, page.key(str))
    return page.page(rows, key=lambda row: (row["code"],), item=lambda row: Voucher.model_validate(dict(row)))


@router.post("/vouchers/validate", operation_id="vouchers_validate", responses=problems(VoucherNotFound, VelocityExceeded))
async def validate(question: VoucherQuestion, uow: Uow, caller: WritesLoyalty) -> VoucherAnswer:
    """Look at what a code would be worth for a purchase; changes nothing."""
    voucher, reason, discount = await service.validate(uow, question, caller=caller.principal)
    return VoucherAnswer(
        valid=reason is None,
        reason=reason,
        kind=voucher["kind"],
        sku=voucher["sku"],
        discount_minor=discount if reason is None else None,
        campaign=voucher["campaign"],
    )


@router.post(
    "/vouchers/redeem",
    operation_id="vouchers_redeem",
    status_code=201,
    responses=problems(
        VoucherNotFound, MemberNotFound, VoucherReferenceTaken, *VoucherRefused.REASONS.values(), MemberFrozen, VelocityExceeded
    ),
)
async def redeem(use: VoucherUse, response: Response, uow: Uow, caller: WritesLoyalty) -> VoucherRedemption:
    """Use a code for a purchase, in one call; the same reference again is the same use (200)."""
    redemption, is_new = await service.redeem(uow, use, caller=caller.principal)
    if not is_new:
        response.status_code = 200
    return VoucherRedemption.model_validate(dict(redemption))


@router.get("/vouchers/{code}", operation_id="vouchers_get", responses=problems(VoucherNotFound))
async def get_voucher(code: CodePath, connection: Reads, _: ReadsLoyalty) -> Voucher:
    """Return a code and how often it was used."""
    return Voucher.model_validate(dict(await service.found(connection, code)))


@router.get("/voucher-redemptions/{redemption_id}", operation_id="voucher_redemptions_get", responses=problems(VoucherRedemptionNotFound))
async def get_redemption(redemption_id: RedemptionIdPath, connection: Reads, _: ReadsLoyalty) -> VoucherRedemption:
    """Return a use of a voucher."""
    return VoucherRedemption.model_validate(dict(await service.found_redemption(connection, redemption_id)))


@router.post(
    "/voucher-redemptions/{redemption_id}/rollback",
    operation_id="voucher_redemptions_roll_back",
    responses=problems(VoucherRedemptionNotFound),
)
async def roll_back(redemption_id: RedemptionIdPath, uow: Uow, _: WritesLoyalty) -> VoucherRedemption:
    """Take a use back: the code, the customer and the campaign have it again; twice changes nothing more."""
    return VoucherRedemption.model_validate(dict(await service.roll_back(uow, redemption_id)))


@router.get(
    "/members/{customer_id}/voucher-redemptions", operation_id="members_list_voucher_redemptions", responses=problems(MemberNotFound)
)
async def list_redemptions(customer_id: CustomerIdPath, page: PageQuery, connection: Reads, _: ReadsMember) -> Page[VoucherRedemption]:
    """List the vouchers that a member has used, newest first."""
    rows = await service.redemptions_of(connection, customer_id, page.fetch, page.key(datetime, str))
    return page.page(rows, key=lambda row: (row["redeemed_at"], row["id"]), item=lambda row: VoucherRedemption.model_validate(dict(row)))
