from typing import Annotated

from fastapi import Path, Request, Response

from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty
from loyalty.programmes import repository, service
from loyalty.programmes.errors import (
    DefaultProgramme,
    ProgrammeNotFound,
    ProgrammeNotPublished,
    ProgrammePublished,
    RateExists,
    RunInvalid,
)
from loyalty.programmes.repository import ProgrammeRow
from loyalty.programmes.schemas import (
    NewRate,
    Programme,
    ProgrammeDraft,
    ProgrammeEnd,
    ProgrammePatch,
    ProgrammePublication,
    ProgrammeVersion,
)
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, IfMatch, Page, PageQuery, Reads, Uow, problems, state_of
from shared.http.etags import set_etag

router = APIRouter(prefix="/v1/programmes", tags=["programmes"])

ProgrammeIdPath = Annotated[str, Path(description="The programme.", max_length=200, examples=["prg_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
_NEWEST = 2**63 - 1


@router.get("", operation_id="programmes_list", summary="List programmes")
async def list_programmes(page: PageQuery, connection: Reads, _caller: ReadsLoyalty) -> Page[Programme]:
    """List the programmes, drafts too, with their earning rates."""
    rows = await repository.page(connection, page.fetch, page.key(str))
    return page.page(rows, key=lambda row: (row.id,), item=Programme.model_validate)


@router.post("", operation_id="programmes_create", summary="Draft a programme", status_code=201, responses=problems(RunInvalid))
async def create(wanted: ProgrammeDraft, response: Response, uow: Uow, caller: ManagesLoyalty) -> Programme:
    """Make a programme as a draft; it gives nothing before it is published, and can be simulated over all history."""
    row = await service.make(uow, wanted, caller=caller.principal)
    response.headers["location"] = f"/v1/programmes/{row.id}"
    return _answer(row, response)


@router.get("/{programme_id}", operation_id="programmes_get", summary="Read a programme", responses=problems(ProgrammeNotFound))
async def get(programme_id: ProgrammeIdPath, response: Response, connection: Reads, _caller: ReadsLoyalty) -> Programme:
    """Read a programme with its rates, its wallets and its accumulating discount."""
    return _answer(await service.found(connection, programme_id), response)


@router.patch(
    "/{programme_id}",
    operation_id="programmes_update",
    summary="Change a programme",
    responses=problems(ProgrammeNotFound, ProgrammePublished, RunInvalid, PreconditionFailed, PreconditionRequired),
)
async def amend(
    programme_id: ProgrammeIdPath, patch: ProgrammePatch, match: IfMatch, response: Response, uow: Uow, caller: ManagesLoyalty
) -> Programme:
    """Change a programme's name, title, zone, refund policy or accumulating discount, or the period of a draft."""
    return _answer(await service.amend(uow, programme_id, patch, match, caller=caller.principal), response)


@router.post(
    "/{programme_id}/rates",
    operation_id="programmes_add_rate",
    summary="Change a programme's rate",
    responses=problems(ProgrammeNotFound, RateExists, DefaultProgramme),
)
async def add_rate(
    programme_id: ProgrammeIdPath, wanted: NewRate, request: Request, response: Response, uow: Uow, caller: ManagesLoyalty
) -> Programme:
    """Let orders placed from a moment on earn by another rate; those that are known keep theirs."""
    now = state_of(request).clock.now()
    return _answer(await service.add_rate(uow, programme_id, wanted, caller=caller.principal, now=now), response)


@router.post(
    "/{programme_id}/publish",
    operation_id="programmes_publish",
    summary="Publish a programme",
    responses=problems(ProgrammeNotFound, ProgrammePublished, RunInvalid),
)
async def publish(
    programme_id: ProgrammeIdPath, wanted: ProgrammePublication, request: Request, response: Response, uow: Uow, caller: ManagesLoyalty
) -> Programme:
    """Let a programme run from a moment on, beside those that run already; members take part unless they leave it."""
    now = state_of(request).clock.now()
    return _answer(await service.publish(uow, programme_id, wanted.effective_from, caller=caller.principal, now=now), response)


@router.post(
    "/{programme_id}/end",
    operation_id="programmes_end",
    summary="End a programme",
    responses=problems(ProgrammeNotFound, ProgrammeNotPublished, DefaultProgramme, RunInvalid),
)
async def end(
    programme_id: ProgrammeIdPath, wanted: ProgrammeEnd, request: Request, response: Response, uow: Uow, caller: ManagesLoyalty
) -> Programme:
    """Let a programme run until a moment; what members have stays theirs, and returns still take back what they must."""
    now = state_of(request).clock.now()
    return _answer(await service.end(uow, programme_id, wanted.effective_until, caller=caller.principal, now=now), response)


@router.get(
    "/{programme_id}/versions",
    operation_id="programmes_versions",
    summary="List what a programme was",
    responses=problems(ProgrammeNotFound),
)
async def list_versions(programme_id: ProgrammeIdPath, page: PageQuery, connection: Reads, _caller: ReadsLoyalty) -> Page[ProgrammeVersion]:
    """List every version of a programme, newest first, with who made it so."""
    [before] = page.key(int) or (_NEWEST,)
    await service.require(connection, programme_id)
    rows = await repository.versions(connection, programme_id, page.fetch, before)
    return page.page(rows, key=lambda row: (row.version,), item=ProgrammeVersion.model_validate)


def _answer(row: ProgrammeRow, response: Response) -> Programme:
    set_etag(response, row.version)
    return Programme.model_validate(row)
