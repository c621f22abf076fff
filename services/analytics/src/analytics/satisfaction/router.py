"""The net promoter score over HTTP."""

from typing import Annotated

from fastapi import Query

from analytics.dependencies import ClockDep, Days, ReadsAnalytics
from analytics.metrics.errors import WindowEmpty, ZoneNotExact
from analytics.satisfaction.service import read
from shared.figures.satisfaction import NpsAnswer
from shared.http import APIRouter, Reads, problems

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])


@router.get("/nps", operation_id="metrics_nps", response_model=NpsAnswer, responses=problems(ZoneNotExact, WindowEmpty))
async def read_nps(
    _caller: ReadsAnalytics,
    reads: Reads,
    clock: ClockDep,
    window: Days,
    channel: Annotated[str | None, Query(min_length=1, max_length=200, description="Only answers from there.", examples=["email"])] = None,
) -> NpsAnswer:
    """Return the net promoter score with its interval."""
    return await read(reads, window, channel, clock.now())
