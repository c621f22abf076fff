"""Orders, customers and revenue over HTTP."""

from analytics.dependencies import ClockDep, Months, ReadsAnalytics
from analytics.metrics.errors import WindowEmpty, WindowNotMonths, ZoneNotExact
from analytics.sales.schemas import OrdersAnswer
from analytics.sales.service import read
from shared.http import APIRouter, Reads, problems

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])


@router.get(
    "/orders",
    operation_id="metrics_orders",
    response_model=OrdersAnswer,
    responses=problems(ZoneNotExact, WindowEmpty, WindowNotMonths),
)
async def read_orders(_caller: ReadsAnalytics, reads: Reads, clock: ClockDep, window: Months) -> OrdersAnswer:
    """Return orders, customers, revenue and the average order by month."""
    return await read(reads, window, clock.now())
