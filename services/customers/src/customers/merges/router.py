"""Routes of merges."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query, Response

from customers.audit.reads import Readings
from customers.dependencies import ReadsCustomers, WritesCustomers
from customers.merges import service
from customers.merges.errors import AlreadyOne, FamilyTooLarge, MergeNotFound, MergeUndone, PreviewOutdated
from customers.merges.repository import State
from customers.merges.schemas import Merge, MergeDraft, MergePair, MergePreview
from customers.profiles.errors import CustomerNotFound
from customers.provenance.viewing import field_view
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1/merges", tags=["merges"])

MergeIdInPath = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The merge.", examples=["mrg_01jd3z0k7cz9v8w6t5s4r3q2p1"])]


@router.post("/preview", operation_id="merges_preview", responses=problems(CustomerNotFound, AlreadyOne, FamilyTooLarge))
async def preview(pair: MergePair, uow: Uow, readings: Readings, caller: WritesCustomers) -> MergePreview:
    """Tell what a merge would do, without doing it; its token makes sure that the merge does the same."""
    found = await service.preview(uow.connection, pair.survivor_id, pair.merged_id)
    view = await field_view(uow.connection, caller)
    view.note(readings, found.survivor.id, ((each.field, each.survivor) for each in found.fields))
    view.note(readings, found.merged.id, ((each.field, each.merged) for each in found.fields))
    return MergePreview.of(found, view)


@router.post(
    "",
    operation_id="merges_create",
    status_code=201,
    responses=problems(CustomerNotFound, AlreadyOne, PreviewOutdated, FamilyTooLarge),
)
async def create(draft: MergeDraft, response: Response, uow: Uow, caller: WritesCustomers) -> Merge:
    """Let one customer belong to another. Nothing moves and nothing is deleted: all of his ids resolve to the survivor."""
    merge, _ = await service.merge(uow, draft.survivor_id, draft.merged_id, token=draft.token, reason=draft.reason, actor=caller.principal)
    response.headers["location"] = f"/v1/merges/{merge.id}"
    return Merge.of(merge)


@router.get("", operation_id="merges_list")
async def list_merges(
    page: PageQuery,
    connection: Reads,
    _: ReadsCustomers,
    customer_id: Annotated[
        str | None, Query(pattern="^[A-Za-z0-9_-]{1,64}$", description="Only those of this customer, by any of his ids.")
    ] = None,
    state: Annotated[State | None, Query(description="Only those that hold, or that were undone.")] = None,
) -> Page[Merge]:
    """List merges, newest first."""
    rows = await service.listed(connection, customer_id, state, page.key(datetime, str), page.fetch)
    return page.page(rows, key=lambda row: (row.merged_at, row.id), item=Merge.of)


@router.get("/{merge_id}", operation_id="merges_get", responses=problems(MergeNotFound))
async def get(merge_id: MergeIdInPath, connection: Reads, _: ReadsCustomers) -> Merge:
    """Return a merge."""
    return Merge.of(await service.found(connection, merge_id))


@router.post("/{merge_id}/undo", operation_id="merges_undo", responses=problems(MergeNotFound, MergeUndone, CustomerNotFound))
async def undo(merge_id: MergeIdInPath, uow: Uow, caller: WritesCustomers) -> Merge:
    """Undo a merge, also in the middle of a tree: both customers are what they would be without it."""
    return Merge.of(await service.undo(uow, merge_id, actor=caller.principal))
