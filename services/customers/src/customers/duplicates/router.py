"""Routes of duplicates."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from customers.dependencies import ReadsCustomers, WritesCustomers
from customers.duplicates import scan, service
from customers.duplicates.errors import DuplicateDecided, DuplicateNotFound
from customers.duplicates.review import review
from customers.duplicates.schemas import (
    DEFAULT_MIN_SCORE,
    DuplicateCandidate,
    DuplicateCandidates,
    DuplicateConfirmation,
    DuplicatePair,
    DuplicateReview,
    DuplicateScan,
    MinScore,
    PairIdInPath,
    ScopeQuery,
    StatusQuery,
)
from customers.fields import CustomerIdInPath
from customers.merges.errors import AlreadyOne, FamilyTooLarge
from customers.profiles.errors import CustomerNotFound
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.batches import BatchAnswer, BatchRequest, answer_body
from shared.http.job_routes import accepted
from shared.http.jobs import enqueue
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1", tags=["duplicates"])


@router.get("/duplicates", operation_id="duplicates_list")
async def list_duplicates(
    page: PageQuery, connection: Reads, _: ReadsCustomers, status: StatusQuery = "open", min_score: MinScore = DEFAULT_MIN_SCORE
) -> Page[DuplicatePair]:
    """List pairs of customers who may be the same person, the surest first, all of them."""
    after = page.key(int, str)
    rows = await service.listed(connection, status, min_score, after and (after[0], after[1]), page.fetch)
    return page.page(rows, key=lambda row: (row.score, row.id), item=DuplicatePair.of)


@router.get("/duplicates/{pair_id}", operation_id="duplicates_get", responses=problems(DuplicateNotFound))
async def get(pair_id: PairIdInPath, connection: Reads, _: ReadsCustomers) -> DuplicatePair:
    """Return a pair."""
    return DuplicatePair.of(await service.get(connection, pair_id))


@router.get("/customers/{customer_id}/duplicates", operation_id="duplicates_of_customer", responses=problems(CustomerNotFound))
async def of_customer(
    customer_id: CustomerIdInPath, connection: Reads, _: ReadsCustomers, min_score: MinScore = DEFAULT_MIN_SCORE
) -> DuplicateCandidates:
    """Compare a customer with all others, as they are now; nobody who was rejected."""
    found = await service.candidates(connection, customer_id, min_score)
    return DuplicateCandidates(data=[DuplicateCandidate.of(each) for each in found])


@router.post("/duplicates/{pair_id}/reject", operation_id="duplicates_reject", responses=problems(DuplicateNotFound, DuplicateDecided))
async def reject(pair_id: PairIdInPath, uow: Uow, caller: WritesCustomers) -> DuplicatePair:
    """Say that a pair is of two persons; it never comes back."""
    return DuplicatePair.of(await service.reject(uow, pair_id, caller.principal))


@router.post(
    "/duplicates/{pair_id}/confirm",
    operation_id="duplicates_confirm",
    responses=problems(DuplicateNotFound, DuplicateDecided, CustomerNotFound, AlreadyOne, FamilyTooLarge),
)
async def confirm(pair_id: PairIdInPath, wanted: DuplicateConfirmation, uow: Uow, caller: WritesCustomers) -> DuplicatePair:
    """Say that a pair is of one person: the two customers are merged, which can be undone."""
    return DuplicatePair.of(await service.confirm(uow, pair_id, wanted.survivor_id, caller.principal))


@router.post("/duplicates/review", operation_id="duplicates_review", response_model=BatchAnswer, response_model_exclude_none=True)
async def review_many(request: BatchRequest[DuplicateReview], uow: Uow, caller: WritesCustomers) -> Mapping[str, Any]:
    """Decide up to 1,000 pairs; each item has its own result."""
    return answer_body(await review(uow, request.items, caller.principal))


@router.post("/duplicates/scan", operation_id="duplicates_scan", status_code=202)
async def scan_all(response: Response, uow: Uow, caller: WritesCustomers, scope: ScopeQuery = "all") -> DuplicateScan:
    """Go through customers and keep the pairs that are found: all of them, or at once those who changed and wait to be compared."""
    job_id = await enqueue(uow, scan.KIND, {"scope": scope}, caller=caller.principal)
    accepted(response, job_id)
    return DuplicateScan(job_id=job_id)
