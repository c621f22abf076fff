"""Loyalty points over HTTP."""

from analytics.dependencies import ClockDep, Days, ReadsAnalytics
from analytics.metrics.errors import WindowEmpty, ZoneNotExact
from analytics.points.schemas import PointsAnswer
from analytics.points.service import read
from shared.http import APIRouter, Reads, problems

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])


@router.get("/points", operation_id="metrics_points", response_model=PointsAnswer, responses=problems(ZoneNotExact, WindowEmpty))
async def read_points(_caller: ReadsAnalytics, reads: Reads, clock: ClockDep, window: Days) -> PointsAnswer:
    """Return the points that were issued, taken back and are outstanding."""
    return await read(reads, window, clock.now())
