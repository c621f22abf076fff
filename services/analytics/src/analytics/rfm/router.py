"""Recency, frequency and money over HTTP."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request

from analytics.dependencies import ClockDep, Day, ReadsAnalytics, Zone
from analytics.metrics.errors import ZoneNotExact
from analytics.rfm.schemas import RfmAnswer
from analytics.rfm.service import Snapshots, read
from shared.http import APIRouter, Reads, problems

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])


async def _snapshots(request: Request) -> Snapshots:
    state = request.app.state
    if not hasattr(state, "rfm_snapshots"):
        state.rfm_snapshots = Snapshots()
    return state.rfm_snapshots


@router.get("/rfm", operation_id="metrics_rfm", response_model=RfmAnswer, responses=problems(ZoneNotExact))
async def read_rfm(
    _caller: ReadsAnalytics,
    reads: Reads,
    clock: ClockDep,
    _zone: Zone,
    snapshots: Annotated[Snapshots, Depends(_snapshots)],
    as_of: Annotated[Day | None, Query(description="Day by whose end customers are scored; that of the latest order when absent.")] = None,
    currency: Annotated[
        str | None, Query(pattern="^[A-Z]{3}$", description="ISO 4217 code; that with the most orders when absent.", examples=["USD"])
    ] = None,
) -> RfmAnswer:
    """Return the customers by recency, frequency and money: cut points, scores and named segments."""
    return await read(reads, snapshots, as_of_day=as_of, currency=currency, now=clock.now())
