"""Following a job: its state, its progress as server-sent events, and its end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import Header
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.http.callers import CallerDep
from shared.http.errors import JobFinished, JobNotFound
from shared.http.jobs import cancel_job, find_job
from shared.http.problems import problems
from shared.http.routing import APIRouter
from shared.http.schemas import OutputModel
from shared.http.state import AppState, state_of
from shared.http.unit import Reads, Uow

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_FOLLOW_SECONDS = 0.3
# A comment now and then keeps proxies from cutting a quiet stream.
_QUIET_ROUNDS = 50
_ENDED = frozenset({"succeeded", "failed", "cancelled"})


class JobView(OutputModel):
    """A job and how far it has come."""

    id: str = Field(description="`job_…`", examples=["job_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    kind: str = Field(description="What it does.", examples=["customers_import"])
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"] = Field(description="Where it stands.", examples=["running"])
    done: int = Field(description="Progress so far.", examples=[400])
    total: int | None = Field(description="What progress will be at the end, when known.", examples=[1000])
    result: dict[str, Any] | None = Field(description="What came of it, once it succeeded.")
    error_code: str | None = Field(description="Why it failed.", examples=[None])
    created_at: datetime = Field(description="When it was asked for.")
    finished_at: datetime | None = Field(description="When it ended.")


def accepted(response: Response, job_id: str) -> None:
    """Answer 202 with the place where the job can be followed; the endpoint returns the job's id beside it."""
    response.status_code = 202
    response.headers["location"] = f"/v1/jobs/{job_id}"


@router.get("/{job_id}", operation_id="jobs_get", responses=problems(JobNotFound))
async def get_job(job_id: str, caller: CallerDep, connection: Reads) -> JobView:
    """Read a job that the caller asked for."""
    return JobView.model_validate(dict(_known(await find_job(connection, job_id, caller.principal))))


@router.post("/{job_id}/cancel", operation_id="jobs_cancel", responses=problems(JobNotFound, JobFinished))
async def cancel(job_id: str, caller: CallerDep, uow: Uow) -> JobView:
    """Cancel a job; what it has done so far stays."""
    cancelled = await cancel_job(uow.connection, job_id, caller.principal)
    job = _known(await find_job(uow.connection, job_id, caller.principal))
    if not cancelled:
        raise JobFinished
    return JobView.model_validate(dict(job))


@router.get("/{job_id}/events", operation_id="jobs_follow", responses=problems(JobNotFound), response_class=StreamingResponse)
async def follow(
    job_id: str,
    request: Request,
    caller: CallerDep,
    connection: Reads,
    last_event_id: Annotated[str | None, Header(description="Id of the last event received; only what follows is sent.")] = None,
) -> StreamingResponse:
    """Follow a job's progress as server-sent events until it ends."""
    _known(await find_job(connection, job_id, caller.principal))
    events = _events(state_of(request), job_id, caller.principal, last_event_id)
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(state: AppState, job_id: str, caller: str, last: str | None) -> AsyncIterator[bytes]:
    quiet = 0
    while True:
        async with state.opened().acquire() as connection:
            job = _known(await find_job(connection, job_id, caller))
        name = f"{job['status']}-{job['done']}"
        if name != last:
            last, quiet = name, 0
            body = orjson.dumps({"status": job["status"], "done": job["done"], "total": job["total"]})
            yield b"id: %b\nevent: progress\ndata: %b\n\n" % (name.encode(), body)
        if job["status"] in _ENDED or state.draining:
            return
        quiet += 1
        if quiet % _QUIET_ROUNDS == 0:
            yield b": still here\n\n"
        await asyncio.sleep(_FOLLOW_SECONDS)


def _known(job: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if job is None:
        raise JobNotFound
    return job
