"""Routes of interactions."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path, Response

from customers.audit.reads import Readings
from customers.audit.service import Entry
from customers.dependencies import Now, ReadsCustomers, WritesCustomers
from customers.interactions import service
from customers.interactions.errors import CustomerUnknown, InteractionDiffers, InteractionNotFound, KindReserved, OccurredAtRefused
from customers.interactions.repository import StoredInteraction
from customers.interactions.schemas import Interaction, InteractionDraft
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.batches import BatchAnswer, BatchRequest, answer_body
from shared.http.etags import set_etag

router = APIRouter(prefix="/v1/interactions", tags=["interactions"])

_InteractionId = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The interaction.", examples=["itr_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]
_EXISTED = {"description": "It was recorded before; what differed was replaced.", "model": Interaction}


@router.post(
    "",
    operation_id="interactions_record",
    status_code=201,
    responses={200: _EXISTED} | problems(InteractionDiffers, CustomerUnknown, KindReserved, OccurredAtRefused),
)
async def record(draft: InteractionDraft, response: Response, uow: Uow, now: Now, _: WritesCustomers) -> Interaction:
    """Record a visit, a call, a message or another encounter; sent again under its external id it is replaced."""
    interaction, is_new = await service.record_one(uow, draft, now.now())
    response.headers["location"] = f"/v1/interactions/{interaction.id}"
    if not is_new:
        response.status_code = 200
    return _shown(response, interaction)


@router.post("/batch", operation_id="interactions_record_batch", response_model=BatchAnswer, response_model_exclude_none=True)
async def record_batch(request: BatchRequest[InteractionDraft], uow: Uow, now: Now, _: WritesCustomers) -> Mapping[str, Any]:
    """Record or replace up to 1,000 interactions; each item has its own result."""
    return answer_body(await service.record_batch(uow, request.items, now.now()))


@router.get("/{interaction_id}", operation_id="interactions_get", responses=problems(InteractionNotFound))
async def get(
    interaction_id: _InteractionId, response: Response, connection: Reads, readings: Readings, caller: ReadsCustomers
) -> Interaction:
    """Return an interaction with what was said; who reads the words is written down."""
    interaction = await service.found(connection, interaction_id)
    if interaction.text is not None:
        readings.note(Entry(caller.principal, "interaction_read", interaction.customer_id, interaction.id, ("text",)))
    return _shown(response, interaction)


def _shown(response: Response, interaction: StoredInteraction) -> Interaction:
    set_etag(response, interaction.version)
    values = interaction._asdict()
    del values["version"]
    return Interaction.model_construct(**values)
