"""The route of quotes."""

from loyalty.abuse.errors import VelocityExceeded
from loyalty.dependencies import WritesLoyalty
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound, ProgrammeNotRunning
from loyalty.quotes import service
from loyalty.quotes.schemas import Quote, QuoteRequest
from shared.http import APIRouter, Uow, problems

router = APIRouter(prefix="/v1/quotes", tags=["quotes"])


@router.post("", operation_id="quotes_create", responses=problems(MemberNotFound, ProgrammeNotFound, ProgrammeNotRunning, VelocityExceeded))
async def create(wanted: QuoteRequest, uow: Uow, caller: WritesLoyalty) -> Quote:
    """Work out what a member pays for a basket now, with his own discount and vouchers, and what he would earn; changes nothing."""
    return await service.quote(uow, wanted, caller=caller.principal)
