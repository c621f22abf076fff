from typing import Annotated

from fastapi import Path, Response

from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty
from loyalty.programmes import repository, service
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.schemas import Programme, ProgrammePatch
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, IfMatch, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import set_etag

router = APIRouter(prefix="/v1/programmes", tags=["programmes"])

ProgrammeIdPath = Annotated[str, Path(description="The programme.", max_length=200, examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])]


@router.get("", operation_id="programmes_list", summary="List programmes")
async def list_programmes(page: PageQuery, connection: Reads, _caller: ReadsLoyalty) -> Page[Programme]:
    """List the programmes with their earning rates."""
    rows = await repository.page(connection, page.fetch, page.key(str))
    return page.page(rows, key=lambda row: (row.id,), item=Programme.model_validate)


@router.get("/{programme_id}", operation_id="programmes_get", summary="Read a programme", responses=problems(ProgrammeNotFound))
async def get(programme_id: ProgrammeIdPath, response: Response, connection: Reads, _caller: ReadsLoyalty) -> Programme:
    """Read a programme with its rates and its accumulating discount."""
    row = await service.found(connection, programme_id)
    set_etag(response, row.version)
    return Programme.model_validate(row)


@router.patch(
    "/{programme_id}",
    operation_id="programmes_update",
    summary="Change a programme",
    responses=problems(ProgrammeNotFound, PreconditionFailed, PreconditionRequired),
)
async def amend(
    programme_id: ProgrammeIdPath, patch: ProgrammePatch, match: IfMatch, response: Response, uow: Uow, _caller: ManagesLoyalty
) -> Programme:
    """Change a programme's name, zone, refund policy or accumulating discount."""
    row = await service.amend(uow, programme_id, patch, match)
    set_etag(response, row.version)
    return Programme.model_validate(row)
