"""The routes of figures."""

from feedback.dependencies import Now, ReadsFeedback
from feedback.metrics import service
from feedback.metrics.errors import WindowReversed
from feedback.metrics.schemas import NpsQuery, NpsReport
from shared.http import APIRouter, Reads, Route, problems

router = APIRouter(prefix="/v1/metrics", tags=["metrics"], route_class=Route)


@router.get("/nps", operation_id="metrics_nps", responses=problems(WindowReversed))
async def nps(wanted: NpsQuery, connection: Reads, _caller: ReadsFeedback, now: Now) -> NpsReport:
    """Tell the net promoter score with its interval, distribution and monthly trend."""
    return await service.nps(connection, wanted, now)
