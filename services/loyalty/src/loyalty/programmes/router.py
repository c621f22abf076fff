from loyalty.dependencies import ReadsLoyalty
from loyalty.programmes import repository
from loyalty.programmes.schemas import Programme
from shared.http import APIRouter, Page, PageQuery, Reads

router = APIRouter(prefix="/v1/programmes", tags=["programmes"])


@router.get("", operation_id="programmes_list", summary="List programmes")
async def list_programmes(page: PageQuery, connection: Reads, _caller: ReadsLoyalty) -> Page[Programme]:
    """List the programmes with their earning rates."""
    rows = await repository.page(connection, page.fetch, page.key(str))
    return page.page(rows, key=lambda row: (row.id,), item=Programme.model_validate)
