"""The routes of figures."""

from feedback.dependencies import Now, ReadsFeedback
from feedback.metrics import service
from feedback.metrics.errors import WindowReversed
from feedback.metrics.schemas import NpsQuery
from shared.figures.satisfaction import NpsAnswer
from shared.http import APIRouter, Reads, Route, problems

router = APIRouter(prefix="/v1/metrics", tags=["metrics"], route_class=Route)


@router.get("/nps", operation_id="metrics_nps", responses=problems(WindowReversed))
async def nps(wanted: NpsQuery, connection: Reads, _caller: ReadsFeedback, now: Now) -> NpsAnswer:
    """Return the net promoter score with its interval, distribution and months, as analytics does."""
    return await service.nps(connection, wanted, now)
