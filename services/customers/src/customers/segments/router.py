"""Routes of segments."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from customers.dependencies import ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.profiles.errors import CustomerNotFound
from customers.segments import repository, service
from customers.segments.errors import SegmentCodeTaken, SegmentMemberNotFound, SegmentNotFound
from customers.segments.schemas import (
    MemberDraft,
    Segment,
    SegmentCodeInPath,
    SegmentDraft,
    SegmentMember,
    SegmentOfCustomer,
    SegmentPatch,
)
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.batches import BatchAnswer, BatchRequest, answer_body
from shared.http.etags import IfMatch, set_etag
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1", tags=["segments"])


def _after(page: PageQuery) -> str:
    """Return the code or id after which a page begins."""
    key = page.key(str)
    return key[0] if key is not None else ""


@router.post("/segments", operation_id="segments_create", status_code=201, responses=problems(SegmentCodeTaken))
async def create(draft: SegmentDraft, response: Response, uow: Uow, _: WritesCustomers) -> Segment:
    """Make a segment to which nobody belongs yet."""
    segment = await service.make(uow, draft.code, draft.names)
    set_etag(response, segment["version"])
    response.headers["location"] = f"/v1/segments/{draft.code}"
    return Segment.of(segment)


@router.get("/segments", operation_id="segments_list")
async def list_segments(page: PageQuery, connection: Reads, _: ReadsCustomers) -> Page[Segment]:
    """List segments by code."""
    rows = await repository.page(connection, _after(page), page.fetch)
    return page.page(rows, key=lambda row: (row["code"],), item=Segment.of)


@router.get("/segments/{code}", operation_id="segments_get", responses=problems(SegmentNotFound))
async def get(code: SegmentCodeInPath, response: Response, connection: Reads, _: ReadsCustomers) -> Segment:
    """Return a segment."""
    segment = await service.found(connection, code)
    set_etag(response, segment["version"])
    return Segment.of(segment)


@router.patch(
    "/segments/{code}", operation_id="segments_update", responses=problems(SegmentNotFound, PreconditionFailed, PreconditionRequired)
)
async def amend(code: SegmentCodeInPath, patch: SegmentPatch, match: IfMatch, response: Response, uow: Uow, _: WritesCustomers) -> Segment:
    """Name a segment otherwise."""
    segment = await service.rename(uow, code, patch.names, match)
    set_etag(response, segment["version"])
    return Segment.of(segment)


@router.get("/segments/{code}/members", operation_id="segments_members", responses=problems(SegmentNotFound))
async def list_members(code: SegmentCodeInPath, page: PageQuery, connection: Reads, _: ReadsCustomers) -> Page[SegmentMember]:
    """List who belongs to a segment, by the ids of the records that were named."""
    rows = await service.members(connection, code, _after(page), page.fetch)
    return page.page(rows, key=lambda row: (row["customer_id"],), item=SegmentMember.of)


@router.post(
    "/segments/{code}/members",
    operation_id="segments_enter",
    response_model=BatchAnswer,
    response_model_exclude_none=True,
    responses=problems(SegmentNotFound),
)
async def enter(code: SegmentCodeInPath, request: BatchRequest[MemberDraft], uow: Uow, _: WritesCustomers) -> Mapping[str, Any]:
    """Let up to 1,000 customers belong to a segment: 201 for who enters, 200 for who belonged to it before; it shows on their timelines."""
    return answer_body(await service.enter(uow, code, request.items))


@router.post(
    "/segments/{code}/leave",
    operation_id="segments_leave",
    response_model=BatchAnswer,
    response_model_exclude_none=True,
    responses=problems(SegmentNotFound),
)
async def leave(code: SegmentCodeInPath, request: BatchRequest[MemberDraft], uow: Uow, _: WritesCustomers) -> Mapping[str, Any]:
    """Let up to 1,000 customers belong to a segment no more, each with all records that were merged into his."""
    return answer_body(await service.leave(uow, code, request.items))


@router.delete(
    "/segments/{code}/members/{customer_id}",
    operation_id="segments_remove",
    status_code=204,
    responses=problems(SegmentNotFound, CustomerNotFound, SegmentMemberNotFound),
)
async def remove(code: SegmentCodeInPath, customer_id: CustomerIdInPath, uow: Uow, _: WritesCustomers) -> None:
    """Let a customer belong to a segment no more, with all records that were merged into his."""
    await service.remove(uow, code, customer_id)


@router.get("/customers/{customer_id}/segments", operation_id="segments_of_customer", responses=problems(CustomerNotFound))
async def list_of_customer(customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, _: ReadsCustomers) -> Page[SegmentOfCustomer]:
    """List the segments that a customer belongs to, by any of his records."""
    rows = await service.of_customer(connection, customer_id, _after(page), page.fetch)
    return page.page(rows, key=lambda row: (row["code"],), item=SegmentOfCustomer.of)
