"""Routes of the timeline and of the journey's pain points."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header
from fastapi.responses import StreamingResponse

from customers.dependencies import ReadsCustomers
from customers.fields import CustomerIdInPath
from customers.profiles.errors import CustomerNotFound
from customers.timeline import service
from customers.timeline.dependencies import ChannelQuery, PeriodQuery, TouchQuery
from customers.timeline.errors import PeriodRefused, TooManyStreams
from customers.timeline.schemas import PainPoint, PainPoints, TouchView
from customers.timeline.stream import Position, Streams, streams_of
from shared.http import APIRouter, Reads, problems
from shared.http.pagination import Page, PageQuery

router = APIRouter(tags=["timeline"])


@router.get("/v1/customers/{customer_id}/timeline", operation_id="customers_timeline", responses=problems(CustomerNotFound))
async def timeline(
    customer_id: CustomerIdInPath, query: TouchQuery, page: PageQuery, connection: Reads, _: ReadsCustomers
) -> Page[TouchView]:
    """List every touch between a customer and the company, newest first, over all of his records."""
    touches = await service.page(connection, customer_id, query, page.key(datetime, str), page.fetch)
    return page.page(
        touches, key=lambda touch: (touch.occurred_at, touch.id), item=lambda touch: TouchView.model_construct(**touch._asdict())
    )


@router.get(
    "/v1/customers/{customer_id}/timeline/stream",
    operation_id="customers_timeline_follow",
    responses={200: {"content": {"text/event-stream": {}}, "description": "Events `touch`, each a touch as the timeline shows it."}}
    | problems(CustomerNotFound, TooManyStreams),
    response_class=StreamingResponse,
)
async def follow(
    customer_id: CustomerIdInPath,
    connection: Reads,
    streams: Annotated[Streams, Depends(streams_of)],
    _: ReadsCustomers,
    last_event_id: Annotated[str | None, Header(max_length=100, description="Id of the last event received; what follows is sent.")] = None,
) -> StreamingResponse:
    """Follow a customer's timeline live as server-sent events; without a last id from now on.

    The stream ends after a quarter of an hour, and after a merge; clients come again with the last id that they have.
    """
    family = await service.family(connection, customer_id)
    streams.check_room()
    events = streams.follow(family, Position.read(last_event_id))
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-cache", "x-accel-buffering": "no"})


@router.get("/v1/journey/pain-points", operation_id="journey_pain_points", responses=problems(PeriodRefused))
async def pain_points(period: PeriodQuery, connection: Reads, _: ReadsCustomers, channel: ChannelQuery = None) -> PainPoints:
    """Tell where negative interactions and low responses gather on the journey, and how that changed."""
    points = await service.pain_points(connection, period.starts_at, period.ends_at, channel)
    return PainPoints(starts_at=period.starts_at, ends_at=period.ends_at, data=[PainPoint.model_validate(point) for point in points])
