"""Routes of exports."""

from datetime import datetime, timedelta
from typing import Annotated, cast

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from customers.dependencies import ReadsCustomers
from customers.exports import errors, service
from customers.exports.schemas import Export, ExportDraft
from customers.privacy.errors import ContactsNotSearchable
from customers.settings import CustomersSettings
from shared.http import APIRouter, Reads, Uow, problems, state_of

router = APIRouter(prefix="/v1/exports", tags=["exports"])

ExportIdInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The export.", examples=["exp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


async def _keep_until(request: Request) -> datetime:
    state = state_of(request)
    return state.clock.now() + timedelta(hours=cast(CustomersSettings, state.settings).export_retention_hours)


KeepUntil = Annotated[datetime, Depends(_keep_until)]


@router.post("", operation_id="exports_create", status_code=202, responses=problems(errors.ExportFieldUnknown, ContactsNotSearchable))
async def create(draft: ExportDraft, keep_until: KeepUntil, response: Response, uow: Uow, caller: ReadsCustomers) -> Export:
    """Ask for a file of customers; from callers without `contacts:read` contact data is masked, and they cannot filter by it."""
    row = await service.order(uow, caller, draft, keep_until)
    response.headers["location"] = f"/v1/exports/{row['id']}"
    return Export.of(row)


@router.get("/{export_id}", operation_id="exports_get", responses=problems(errors.ExportNotFound))
async def get(export_id: ExportIdInPath, connection: Reads, _: ReadsCustomers) -> Export:
    """Return an export and where it stands."""
    return Export.of(await service.found(connection, export_id))


@router.get(
    "/{export_id}/file",
    operation_id="exports_download",
    responses=problems(errors.ExportNotFound, errors.ExportFileGone, errors.ExportNotFinished, errors.ExportInTheClear),
    response_class=StreamingResponse,
)
async def download(export_id: ExportIdInPath, request: Request, uow: Uow, caller: ReadsCustomers) -> StreamingResponse:
    """Download the file of an export until it expires."""
    row = await service.downloadable(uow, caller, export_id)
    headers = {"content-disposition": f'attachment; filename="{export_id}.{row["format"]}"', "content-length": str(row["file_bytes"])}
    return StreamingResponse(service.pieces(state_of(request).opened(), export_id), media_type=_MEDIA_TYPES[row["format"]], headers=headers)
