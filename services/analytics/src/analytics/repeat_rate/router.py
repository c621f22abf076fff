"""The repeat rate over HTTP."""

from typing import Annotated

from fastapi import Query

from analytics.dependencies import ClockDep, Months, ReadsAnalytics
from analytics.metrics.errors import WindowEmpty, WindowNotMonths, ZoneNotExact
from analytics.repeat_rate.rules import Occasion
from analytics.repeat_rate.schemas import RepeatRateAnswer
from analytics.repeat_rate.service import read
from shared.http import APIRouter, Reads, problems

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])


@router.get(
    "/repeat-rate",
    operation_id="metrics_repeat_rate",
    response_model=RepeatRateAnswer,
    responses=problems(ZoneNotExact, WindowEmpty, WindowNotMonths),
)
async def read_repeat_rate(
    _caller: ReadsAnalytics,
    reads: Reads,
    clock: ClockDep,
    window: Months,
    occasion: Annotated[Occasion, Query(description="What counts as one purchase: a day with orders, or each order.")] = Occasion.DAY,
) -> RepeatRateAnswer:
    """Return the share of customers who bought more than once."""
    return await read(reads, occasion, window, clock.now())
