"""The retention metric over HTTP."""

from typing import Annotated, Literal

from fastapi import Query

from analytics.dependencies import ClockDep, Months, ReadsAnalytics
from analytics.metrics.errors import WindowEmpty, WindowNotMonths, WindowTooWide, ZoneNotExact
from analytics.retention.rules import Kind
from analytics.retention.schemas import RetentionAnswer
from analytics.retention.service import retention
from shared.http import APIRouter, Reads, problems

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])

_MOST_COLUMNS = 60


@router.get(
    "/retention",
    operation_id="metrics_retention",
    response_model=RetentionAnswer,
    responses=problems(ZoneNotExact, WindowEmpty, WindowNotMonths, WindowTooWide),
)
async def read_retention(
    _caller: ReadsAnalytics,
    reads: Reads,
    clock: ClockDep,
    window: Months,
    definition: Annotated[Kind, Query(description="What counts as coming back.")] = Kind.CALENDAR,
    period: Annotated[Literal["month"], Query(description="Length of a period: a calendar month, or 30 days.")] = "month",
    columns: Annotated[int, Query(ge=1, le=_MOST_COLUMNS, description="Periods at most.")] = 12,
) -> RetentionAnswer:
    """Return the table of cohorts under one definition, and month-1 retention under each of them."""
    del period
    return await retention(reads, definition, window, columns, clock.now())
