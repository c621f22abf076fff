"""Routes of access exports."""

from datetime import datetime
from typing import Annotated, cast

from fastapi import Path, Request, Response

from customers.audit.reads import Readings
from customers.audit.service import Entry
from customers.dependencies import Now
from customers.privacy.access_exports import service
from customers.privacy.access_exports.errors import AccessExportExpired, AccessExportIncomplete, AccessExportNotFound
from customers.privacy.access_exports.schemas import AccessExport, AccessExportDraft
from customers.privacy.dependencies import WritesPrivacy
from customers.profiles.errors import CustomerNotFound
from customers.settings import CustomersSettings
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.pagination import Page, PageQuery
from shared.http.state import state_of

router = APIRouter(prefix="/v1/access-exports", tags=["privacy"])

ExportIdInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The access export.", examples=["axp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]


class ZipResponse(Response):
    """An archive."""

    media_type = "application/zip"


@router.post("", operation_id="access_exports_create", status_code=202, responses=problems(CustomerNotFound))
async def create(draft: AccessExportDraft, request: Request, response: Response, uow: Uow, now: Now, caller: WritesPrivacy) -> AccessExport:
    """Collect all that the services keep of a customer; follow it until it is complete, then fetch the archive."""
    days = cast(CustomersSettings, state_of(request).settings).access_export_days
    export = await service.request(uow, draft.customer_id, caller.principal, days=days, now=now.now())
    response.headers["location"] = f"/v1/access-exports/{export.row['id']}"
    return AccessExport.of(export)


@router.get("", operation_id="access_exports_list")
async def list_exports(page: PageQuery, connection: Reads, now: Now, _: WritesPrivacy) -> Page[AccessExport]:
    """List access exports, newest first."""
    exports = await service.listed(connection, page.key(datetime, str), page.fetch, now.now())
    return page.page(exports, key=lambda export: (export.row["requested_at"], export.row["id"]), item=AccessExport.of)


@router.get("/{export_id}", operation_id="access_exports_get", responses=problems(AccessExportNotFound))
async def get(export_id: ExportIdInPath, connection: Reads, now: Now, _: WritesPrivacy) -> AccessExport:
    """Return an access export and which services have not answered yet."""
    return AccessExport.of(await service.found(connection, export_id, now.now()))


@router.get(
    "/{export_id}/archive",
    operation_id="access_exports_archive",
    response_class=ZipResponse,
    responses=problems(AccessExportNotFound, AccessExportExpired, AccessExportIncomplete),
)
async def get_archive(export_id: ExportIdInPath, connection: Reads, now: Now, readings: Readings, caller: WritesPrivacy) -> ZipResponse:
    """Return the archive: JSON files by service and kind, and a page to read."""
    export, content = await service.archive(connection, export_id, now.now())
    readings.note(Entry(caller.principal, "access_export_read", export.row["customer_id"], export_id))
    headers = {"content-disposition": f'attachment; filename="{export_id}.zip"', "cache-control": "no-store"}
    return ZipResponse(content, headers=headers)
