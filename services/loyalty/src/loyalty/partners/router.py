"""Routes of partners: what is agreed with them, what they post, and what is settled."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Response

from loyalty.abuse.errors import MemberFrozen, VelocityExceeded
from loyalty.cards.errors import CardNotFound, CardReplaced
from loyalty.dependencies import ManagesLoyalty, PostsForPartner
from loyalty.ledger.errors import InsufficientPoints
from loyalty.members.errors import MemberNotFound
from loyalty.partners import posting, repository, service, settling
from loyalty.partners.errors import (
    PartnerAmountUnusable,
    PartnerKeyBound,
    PartnerKeyNotFound,
    PartnerKeyUnbound,
    PartnerKeyUnusable,
    PartnerLimitReached,
    PartnerMemberUnclear,
    PartnerMomentUnusable,
    PartnerNotAllowed,
    PartnerNotFound,
    PartnerReferenceTaken,
    PartnerReversalExceeds,
    PartnerTransactionNotFound,
    PartnerTransactionNotPosted,
    SettlementPeriodInvalid,
    SettlementPeriodOpen,
)
from loyalty.partners.rules import ACCRUAL, REDEMPTION
from loyalty.partners.schemas import (
    Format,
    From,
    KeyIdPath,
    Partner,
    PartnerDraft,
    PartnerIdPath,
    PartnerKey,
    PartnerPosting,
    PartnerReversal,
    PartnerTerms,
    PartnerTransaction,
    Settlement,
    SettlementClosing,
    TransactionIdPath,
    Until,
)
from loyalty.programmes.errors import ProgrammeNotFound
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag

router = APIRouter(prefix="/v1", tags=["partners"])

_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), "")
_LAST = (datetime(9999, 12, 31, tzinfo=UTC), "")
_POSTING = (
    *(PartnerKeyUnbound, PartnerNotAllowed, PartnerMemberUnclear, PartnerMomentUnusable, PartnerAmountUnusable),
    *(MemberNotFound, CardNotFound, CardReplaced, PartnerReferenceTaken, VelocityExceeded, PartnerLimitReached),
)


@router.post("/partners", operation_id="partners_create", status_code=201, responses=problems(ProgrammeNotFound))
async def add(draft: PartnerDraft, response: Response, uow: Uow, _: ManagesLoyalty) -> Partner:
    """Add a partner, who gives members points for what they buy from him, or takes points for it."""
    row = await service.add(uow, draft)
    set_etag(response, row["version"])
    response.headers["location"] = f"/v1/partners/{row['id']}"
    return service.shown(row)


@router.get("/partners", operation_id="partners_list")
async def list_partners(page: PageQuery, connection: Reads, _: ManagesLoyalty) -> Page[Partner]:
    """List partners, oldest first."""
    rows = await repository.page(connection, page.fetch, page.key(datetime, str) or _FIRST)
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=service.shown)


@router.get("/partners/{partner_id}", operation_id="partners_get", responses=problems(PartnerNotFound))
async def get(partner_id: PartnerIdPath, response: Response, connection: Reads, _: ManagesLoyalty) -> Partner:
    """Return a partner and what is agreed with him."""
    row = await service.found(connection, partner_id)
    set_etag(response, row["version"])
    return service.shown(row)


@router.put(
    "/partners/{partner_id}",
    operation_id="partners_replace",
    responses=problems(PartnerNotFound, PreconditionFailed, PreconditionRequired),
)
async def replace(
    partner_id: PartnerIdPath, terms: PartnerTerms, match: IfMatch, response: Response, uow: Uow, _: ManagesLoyalty
) -> Partner:
    """Agree on other terms; what was posted keeps the prices of its day."""
    row = await service.change(uow, partner_id, terms, match)
    set_etag(response, row["version"])
    return service.shown(row)


@router.put(
    "/partners/{partner_id}/keys/{key_id}",
    operation_id="partners_bind_key",
    responses=problems(PartnerNotFound, PartnerKeyUnusable, PartnerKeyBound),
)
async def bind_key(partner_id: PartnerIdPath, key_id: KeyIdPath, uow: Uow, caller: ManagesLoyalty) -> PartnerKey:
    """Let an API key with the scope `partners:post`, and no other, post for a partner."""
    return PartnerKey.model_validate(dict(await service.bind_key(uow, partner_id, key_id, caller.principal)))


@router.delete(
    "/partners/{partner_id}/keys/{key_id}", operation_id="partners_unbind_key", status_code=204, responses=problems(PartnerKeyNotFound)
)
async def unbind_key(partner_id: PartnerIdPath, key_id: KeyIdPath, uow: Uow, _: ManagesLoyalty) -> None:
    """Take a key from a partner; it posts nothing from then on."""
    await service.unbind_key(uow, partner_id, key_id)


@router.get("/partners/{partner_id}/keys", operation_id="partners_list_keys", responses=problems(PartnerNotFound))
async def list_keys(partner_id: PartnerIdPath, page: PageQuery, connection: Reads, _: ManagesLoyalty) -> Page[PartnerKey]:
    """List the keys of a partner."""
    after = page.key(str)
    await service.found(connection, partner_id)
    rows = await repository.keys(connection, partner_id, page.fetch, after)
    return page.page(rows, key=lambda row: (row["key_id"],), item=lambda row: PartnerKey.model_validate(dict(row)))


@router.get("/partners/{partner_id}/transactions", operation_id="partners_list_transactions", responses=problems(PartnerNotFound))
async def list_transactions(partner_id: PartnerIdPath, page: PageQuery, connection: Reads, _: ManagesLoyalty) -> Page[PartnerTransaction]:
    """List what a partner posted, newest first."""
    after = page.key(datetime, str) or _LAST
    await service.found(connection, partner_id)
    rows = await repository.transactions(connection, partner_id, page.fetch, after)
    return page.page(rows, key=lambda row: (row["posted_at"], row["id"]), item=lambda row: PartnerTransaction.model_validate(dict(row)))


@router.get(
    "/partners/{partner_id}/settlement",
    operation_id="partners_get_settlement",
    response_model=Settlement,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}} | problems(PartnerNotFound, SettlementPeriodInvalid),
)
async def get_settlement(
    partner_id: PartnerIdPath,
    from_at: From,
    until: Until,
    connection: Reads,
    _: ManagesLoyalty,
    format: Format = "json",  # noqa: A002 - the parameter's name
) -> Settlement | Response:
    """Return what a period comes to, line by line and after all, beside what the ledger says; of a closed one what it came to then."""
    report = await settling.settlement(connection, partner_id, from_at, until)
    return Response(settling.as_csv(report), media_type="text/csv; charset=utf-8") if format == "csv" else report


@router.post(
    "/partners/{partner_id}/settlements",
    operation_id="partners_close_settlement",
    status_code=201,
    responses=problems(PartnerNotFound, SettlementPeriodOpen),
)
async def close_settlement(partner_id: PartnerIdPath, wanted: SettlementClosing, uow: Uow, caller: ManagesLoyalty) -> Settlement:
    """Close the period since the last one: nothing is posted into it any more, and its figures stay what they are."""
    return await settling.close(uow, partner_id, wanted.until, caller.principal)


@router.get("/partners/{partner_id}/settlements", operation_id="partners_list_settlements", responses=problems(PartnerNotFound))
async def list_settlements(partner_id: PartnerIdPath, page: PageQuery, connection: Reads, _: ManagesLoyalty) -> Page[Settlement]:
    """List the periods that are closed, newest first."""
    rows = await settling.page(connection, partner_id, page.fetch, page.key(datetime))
    return page.page(rows, key=lambda row: (row["from_at"],), item=settling.shown)


@router.post("/partner-accruals", operation_id="partner_accruals_create", status_code=201, responses=problems(*_POSTING))
async def accrue(wanted: PartnerPosting, response: Response, uow: Uow, caller: PostsForPartner) -> PartnerTransaction:
    """Give a member points, as a partner; the same reference again is the same posting (200)."""
    row, is_new = await posting.post(uow, caller, ACCRUAL, wanted)
    return _answer(dict(row), response, is_new=is_new)


@router.post(
    "/partner-redemptions",
    operation_id="partner_redemptions_create",
    status_code=201,
    responses=problems(*_POSTING, InsufficientPoints, MemberFrozen),
)
async def redeem(wanted: PartnerPosting, response: Response, uow: Uow, caller: PostsForPartner) -> PartnerTransaction:
    """Take points of a member, as a partner; the same reference again is the same posting (200)."""
    row, is_new = await posting.post(uow, caller, REDEMPTION, wanted)
    return _answer(dict(row), response, is_new=is_new)


@router.get("/partner-transactions", operation_id="partner_transactions_list", responses=problems(PartnerKeyUnbound))
async def list_own(page: PageQuery, connection: Reads, caller: PostsForPartner) -> Page[PartnerTransaction]:
    """List what the caller's partner posted, newest first."""
    after = page.key(datetime, str) or _LAST
    partner = await posting.of_caller(connection, caller)
    rows = await repository.transactions(connection, partner["id"], page.fetch, after)
    return page.page(rows, key=lambda row: (row["posted_at"], row["id"]), item=lambda row: PartnerTransaction.model_validate(dict(row)))


@router.get(
    "/partner-transactions/{transaction_id}",
    operation_id="partner_transactions_get",
    responses=problems(PartnerKeyUnbound, PartnerTransactionNotFound),
)
async def get_own(transaction_id: TransactionIdPath, connection: Reads, caller: PostsForPartner) -> PartnerTransaction:
    """Return a posting of the caller's partner."""
    return PartnerTransaction.model_validate(dict(await posting.found(connection, caller, transaction_id)))


@router.post(
    "/partner-transactions/{transaction_id}/reverse",
    operation_id="partner_transactions_reverse",
    status_code=201,
    responses=problems(
        *(PartnerKeyUnbound, PartnerTransactionNotFound, PartnerTransactionNotPosted, PartnerReferenceTaken),
        *(PartnerReversalExceeds, InsufficientPoints, MemberNotFound),
    ),
)
async def reverse(
    transaction_id: TransactionIdPath, wanted: PartnerReversal, response: Response, uow: Uow, caller: PostsForPartner
) -> PartnerTransaction:
    """Take a posting back, or a part of it; the same reference again is the same reversal (200)."""
    row, is_new = await posting.reverse(uow, caller, transaction_id, wanted)
    return _answer(dict(row), response, is_new=is_new)


def _answer(row: Mapping[str, Any], response: Response, *, is_new: bool) -> PartnerTransaction:
    if not is_new:
        response.status_code = 200
    return PartnerTransaction.model_validate(row)
