from loyalty.abuse.errors import MemberFrozen, VelocityExceeded
from loyalty.dependencies import WritesLoyalty
from loyalty.ledger.errors import InsufficientPoints
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.errors import ProgrammeNotFound
from loyalty.programmes.service import require
from loyalty.transfers import service
from loyalty.transfers.errors import TransferToOneself
from loyalty.transfers.schemas import Transfer, TransferRequest
from shared.http import APIRouter, Uow, problems

router = APIRouter(prefix="/v1/transfers", tags=["transfers"])


@router.post(
    "",
    operation_id="transfers_create",
    summary="Give points to another member",
    status_code=201,
    responses=problems(MemberNotFound, ProgrammeNotFound, InsufficientPoints, TransferToOneself, MemberFrozen, VelocityExceeded),
)
async def create(wanted: TransferRequest, uow: Uow, caller: WritesLoyalty) -> Transfer:
    """Give points of one member to another; first go those that expire first, and they keep their expiry."""
    return await service.transfer(
        uow,
        wanted.customer_id,
        wanted.to_customer_id,
        wanted.points,
        actor=caller.principal,
        message=wanted.message,
        wallet=wanted.wallet,
        programme_id=await require(uow.connection, wanted.programme_id),
    )
