"""Routes of learning material."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Response

from customers.dependencies import Now, ReadsCustomer, ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.interactions.errors import OccurredAtRefused
from customers.materials import repository, service
from customers.materials.errors import MaterialNotFound
from customers.materials.schemas import Material, MaterialDraft, MaterialIdInPath, Progress, ProgressDraft
from customers.profiles.errors import CustomerNotFound
from customers.stages.rules import Journey
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1", tags=["materials"])


@router.post("/materials", operation_id="materials_create", status_code=201)
async def create(draft: MaterialDraft, response: Response, uow: Uow, _: WritesCustomers) -> Material:
    """Add something that customers learn from."""
    row = await repository.insert(uow.connection, draft.titles, draft.texts, draft.links, draft.journey_stage)
    response.headers["location"] = f"/v1/materials/{row['id']}"
    return Material.of(row)


@router.get("/materials", operation_id="materials_list")
async def list_materials(
    page: PageQuery,
    connection: Reads,
    _: ReadsCustomers,
    journey_stage: Annotated[Journey | None, Query(description="Only those that help there.")] = None,
) -> Page[Material]:
    """List what customers learn from, oldest first."""
    rows = await service.listed(connection, journey_stage, page.key(datetime, str), page.fetch)
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=Material.of)


@router.get("/materials/{material_id}", operation_id="materials_get", responses=problems(MaterialNotFound))
async def get(material_id: MaterialIdInPath, connection: Reads, _: ReadsCustomers) -> Material:
    """Return a material."""
    return Material.of(await service.found(connection, material_id))


@router.post(
    "/customers/{customer_id}/materials/{material_id}/progress",
    operation_id="materials_progress",
    responses=problems(CustomerNotFound, MaterialNotFound, OccurredAtRefused),
)
async def progress(
    customer_id: CustomerIdInPath, material_id: MaterialIdInPath, draft: ProgressDraft, uow: Uow, now: Now, _: WritesCustomers
) -> Progress:
    """Tell that a customer opened or completed a material; it appears on his timeline. Told again, the first time counts."""
    moment = now.now()
    return Progress.of(await service.progress(uow, customer_id, material_id, draft.status, draft.occurred_at or moment, moment))


@router.get("/customers/{customer_id}/materials", operation_id="materials_of_customer", responses=problems(CustomerNotFound))
async def list_progress(customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, _: ReadsCustomer) -> Page[Progress]:
    """List how far a customer has come with each material; a member may see his own."""
    rows = await service.of_customer(connection, customer_id, page.key(str, str), page.fetch)
    return page.page(rows, key=lambda row: (row["material_id"], row["customer_id"]), item=Progress.of)
