"""Routes of erasures."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Response

from customers.privacy.dependencies import WritesPrivacy
from customers.privacy.erasures import service
from customers.privacy.erasures.errors import ErasureNotFound, FamilyMoving
from customers.privacy.erasures.schemas import Erasure, ErasureDraft, ErasureVerification
from customers.profiles.errors import CustomerNotFound
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1/erasures", tags=["privacy"])

ErasureIdInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The erasure.", examples=["era_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]


@router.post("", operation_id="erasures_create", status_code=202, responses=problems(CustomerNotFound, FamilyMoving))
async def create(draft: ErasureDraft, response: Response, uow: Uow, caller: WritesPrivacy) -> Erasure:
    """Erase a customer: here at once, in the other services by their signed receipts."""
    proof = await service.erase(uow, draft.customer_id, draft.reason, draft.reimport, caller.principal)
    response.headers["location"] = f"/v1/erasures/{proof.erasure['id']}"
    return Erasure.of(proof)


@router.get("", operation_id="erasures_list")
async def list_erasures(page: PageQuery, connection: Reads, _: WritesPrivacy) -> Page[Erasure]:
    """List erasures, newest first."""
    proofs = await service.listed(connection, page.key(datetime, str), page.fetch)
    return page.page(proofs, key=lambda proof: (proof.erasure["requested_at"], proof.erasure["id"]), item=Erasure.of)


@router.get("/{erasure_id}", operation_id="erasures_get", responses=problems(ErasureNotFound))
async def get(erasure_id: ErasureIdInPath, connection: Reads, _: WritesPrivacy) -> Erasure:
    """Return an erasure with the receipts that came so far, and its certificate once it is complete."""
    return Erasure.of(await service.found(connection, erasure_id))


@router.post("/{erasure_id}/verify", operation_id="erasures_verify", responses=problems(ErasureNotFound))
async def verify(erasure_id: ErasureIdInPath, uow: Uow, _: WritesPrivacy) -> ErasureVerification:
    """Recompute the chain over the receipts of an erasure and check every signature."""
    return ErasureVerification.of(*await service.faults(uow.connection, erasure_id))
