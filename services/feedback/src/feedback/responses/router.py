"""The routes of responses."""

from typing import Any

import fastapi

from feedback.dependencies import Answers, Now, ReadsFeedback, WritesFeedback
from feedback.fields import ResponseIdInPath
from feedback.responses import service
from feedback.responses.errors import AnsweredInFuture, CustomerIsErased, NotYourself, ResponseDiffers, ResponseNotFound
from feedback.responses.schemas import Response, ResponseDraft, ResponseFilter
from shared.http import APIRouter, Page, PageQuery, Reads, Route, Uow, problems
from shared.http.batches import BatchAnswer, BatchRequest, answer_body

router = APIRouter(prefix="/v1/responses", tags=["responses"], route_class=Route)


@router.post(
    "",
    operation_id="responses_create",
    status_code=201,
    responses={200: {"model": Response, "description": "It was recorded under its external_id before."}}
    | problems(NotYourself, CustomerIsErased, ResponseDiffers, AnsweredInFuture),
)
async def create(draft: ResponseDraft, uow: Uow, caller: Answers, now: Now, answer: fastapi.Response) -> Response:
    """Record an answer."""
    row, is_new = await service.record(uow, draft, caller, now)
    answer.status_code = 201 if is_new else 200
    return service.shown(row)


@router.post("/batch", operation_id="responses_create_batch", response_model=BatchAnswer, response_model_exclude_none=True)
async def create_batch(batch: BatchRequest[ResponseDraft], uow: Uow, _caller: WritesFeedback, now: Now) -> Any:
    """Record up to 1,000 answers; a result for each, in order."""
    return answer_body(await service.record_batch(uow, batch.items, now))


@router.get("", operation_id="responses_list")
async def list_responses(wanted: ResponseFilter, page: PageQuery, connection: Reads, _caller: ReadsFeedback) -> Page[Response]:
    """List responses, newest first."""
    return await service.list_responses(connection, wanted, page)


@router.get("/{response_id}", operation_id="responses_get", responses=problems(ResponseNotFound))
async def get(response_id: ResponseIdInPath, connection: Reads, _caller: ReadsFeedback) -> Response:
    """Read a response."""
    return await service.get(connection, response_id)
