"""The catalogue of metrics over HTTP."""

from analytics.dependencies import ReadsAnalytics
from analytics.metrics.service import definitions_after
from shared.figures.schemas import DefinitionOut, definition_out
from shared.http import APIRouter, Page, PageQuery

router = APIRouter(prefix="/v1/metrics", tags=["metrics"])


@router.get("", operation_id="metrics_list", response_model=Page[DefinitionOut])
async def list_metrics(_caller: ReadsAnalytics, page: PageQuery) -> Page[DefinitionOut]:
    """Return every metric with its definition."""
    (name,) = page.key(str) or (None,)
    found = definitions_after(name, page.fetch)
    return page.page(found, key=lambda definition: (definition.name,), item=definition_out)
