"""Routes of restrictions."""

from fastapi import Response

from customers.fields import CustomerIdInPath
from customers.privacy.dependencies import WritesPrivacy
from customers.privacy.restrictions import service
from customers.privacy.restrictions.errors import RestrictionNotFound
from customers.privacy.restrictions.schemas import Restriction, RestrictionDraft
from customers.profiles.errors import CustomerNotFound
from shared.http import APIRouter, Reads, Uow, problems

router = APIRouter(prefix="/v1/customers/{customer_id}/restriction", tags=["privacy"])


@router.put("", operation_id="restrictions_put", responses=problems(CustomerNotFound))
async def put_restriction(customer_id: CustomerIdInPath, draft: RestrictionDraft, uow: Uow, caller: WritesPrivacy) -> Restriction:
    """Restrict the processing of a customer's data: from now on no consent check allows anything."""
    return Restriction(**await service.restrict(uow, customer_id, draft.reason, caller.principal))


@router.get("", operation_id="restrictions_get", responses=problems(CustomerNotFound, RestrictionNotFound))
async def get_restriction(customer_id: CustomerIdInPath, connection: Reads, _: WritesPrivacy) -> Restriction:
    """Return the restriction that holds for a customer."""
    return Restriction(**await service.of(connection, customer_id))


@router.delete("", operation_id="restrictions_delete", status_code=204, responses=problems(CustomerNotFound, RestrictionNotFound))
async def delete_restriction(customer_id: CustomerIdInPath, uow: Uow, caller: WritesPrivacy) -> Response:
    """Lift the restriction of a customer."""
    await service.lift(uow, customer_id, caller.principal)
    return Response(status_code=204)
