"""Routes of imports."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from customers.imports import errors, progress, repository, service
from customers.imports.dependencies import GivenOptions, KeepUntil, WritesImports
from customers.imports.schemas import Import
from customers.imports.upload import Received
from shared.http import APIRouter, Reads, Uow, problems, state_of
from shared.http.errors import UnsupportedMediaType
from shared.http.pagination import Page, PageQuery
from shared.http.streaming import streams_body

router = APIRouter(prefix="/v1/imports", tags=["imports"])

ImportIdInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The import.", examples=["imp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "requestBody": {
        "description": "The file, raw or as the part `file` of a form whose other parts are the options; of any size.",
        "required": True,
        "content": {
            "text/csv": {**_FILE, "example": "external_id,name,email\nC-1,Ilze Bērziņa,ilze@example.com\n"},
            "application/x-ndjson": {**_FILE, "example": '{"external_id": "C-1", "name": "Ilze Bērziņa"}\n'},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "CSV or NDJSON."},
                        "mapping": {"type": "string", "description": "JSON, as the parameter of this name."},
                    },
                }
            },
        },
    }
}
_NOT_FOUND = problems(errors.ImportNotFound)
_UPLOAD_PROBLEMS = problems(
    *(errors.FileEmpty, errors.FormatUnknown, errors.EncodingUnknown, errors.HeaderRefused, errors.ColumnUnknown, errors.FieldUnknown),
    *(errors.NothingMapped, errors.MatchRefused, errors.MatchUnmapped, errors.UploadMalformed, UnsupportedMediaType),
)


@router.post("", operation_id="imports_create", status_code=202, responses=_UPLOAD_PROBLEMS, openapi_extra=_BODY)
@streams_body("import_max_bytes")
async def create(
    received: Received, options: GivenOptions, keep_until: KeepUntil, response: Response, uow: Uow, caller: WritesImports
) -> Import:
    """Take in a file of customers and import it, or find out what importing it would do.

    Options come as parameters of the query, or as parts of a form. Rows find their customers by the identities of `match`, which must
    lead to one customer; what they tell is checked as the interface checks it. Several rows of one customer apply in their order.
    """
    row = await service.accept(uow, caller, received, options, keep_until)
    response.headers["location"] = f"/v1/imports/{row['id']}"
    return Import.of(row)


@router.get("", operation_id="imports_list")
async def list_imports(page: PageQuery, connection: Reads, _: WritesImports) -> Page[Import]:
    """List imports, newest first."""
    rows = await repository.page(connection, page.key(datetime, str), page.fetch)  # type: ignore[arg-type]
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=Import.of)


@router.get("/{import_id}", operation_id="imports_get", responses=problems(errors.ImportNotFound))
async def get(import_id: ImportIdInPath, connection: Reads, _: WritesImports) -> Import:
    """Return an import: where it stands, and what has become of its rows."""
    return Import.of(await service.found(connection, import_id))


@router.get(
    "/{import_id}/events", operation_id="imports_follow", responses=problems(errors.ImportNotFound), response_class=StreamingResponse
)
async def follow(
    import_id: ImportIdInPath,
    request: Request,
    connection: Reads,
    _: WritesImports,
    last_event_id: Annotated[str | None, Header(description="Id of the last event received; only what follows is sent.")] = None,
) -> StreamingResponse:
    """Follow an import as server-sent events until it ends."""
    await service.found(connection, import_id)
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(progress.events(state_of(request), import_id, last_event_id), media_type="text/event-stream", headers=headers)


@router.get(
    "/{import_id}/errors", operation_id="imports_errors", responses=problems(errors.ImportNotFound), response_class=StreamingResponse
)
async def list_errors(
    import_id: ImportIdInPath,
    request: Request,
    connection: Reads,
    _: WritesImports,
    file_format: Annotated[Literal["csv", "ndjson"], Query(alias="format", description="Of the file.")] = "ndjson",
) -> StreamingResponse:
    """Download what is wrong with the refused rows: number, field, code; never a value."""
    await service.found(connection, import_id)
    media_type = "text/csv; charset=utf-8" if file_format == "csv" else "application/x-ndjson"
    headers = {"content-disposition": f'attachment; filename="{import_id}-errors.{file_format}"'}
    lines = progress.errors_file(state_of(request), import_id, as_csv=file_format == "csv")
    return StreamingResponse(lines, media_type=media_type, headers=headers)


@router.post(
    "/{import_id}/apply",
    operation_id="imports_apply",
    status_code=202,
    responses=problems(errors.ImportNotFound, errors.ImportNotPreviewed, errors.ImportFileGone),
)
async def apply(import_id: ImportIdInPath, uow: Uow, caller: WritesImports) -> Import:
    """Do in earnest what a dry run has found out; the world may have changed since, so the counts can differ."""
    return Import.of(await service.apply(uow, caller, import_id))


@router.post("/{import_id}/cancel", operation_id="imports_cancel", responses=problems(errors.ImportNotFound, errors.ImportNotRunning))
async def cancel(import_id: ImportIdInPath, uow: Uow, _: WritesImports) -> Import:
    """Stop an import; what it has written so far stays, and can be undone."""
    return Import.of(await service.cancel(uow, import_id))


@router.post(
    "/{import_id}/undo",
    operation_id="imports_undo",
    status_code=202,
    responses=problems(errors.ImportNotFound, errors.ImportNotFinished, errors.ImportAlreadyUndone),
)
async def undo(import_id: ImportIdInPath, uow: Uow, caller: WritesImports) -> Import:
    """Undo an import: whom it made and nobody has used since is removed, of all others it is withdrawn: all is known as without it."""
    return Import.of(await service.undo(uow, caller, import_id))
