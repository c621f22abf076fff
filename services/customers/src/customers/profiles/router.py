"""Routes of customers."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Response

from customers.attributes.errors import AttributeInvalid, AttributeNotFilterable, AttributeRequired, AttributeTaken, AttributeUnknown
from customers.audit.reads import Readings
from customers.dependencies import Now, ReadsCustomer, ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.privacy.erasures.errors import IdentityErased
from customers.privacy.errors import ContactsNotSearchable
from customers.privacy.questions import check_question
from customers.privacy.viewing import view
from customers.profiles import batch, service
from customers.profiles.dependencies import CustomerQuery
from customers.profiles.errors import AttributesRefused, BirthDateInFuture, CustomerNotFound, ExternalIdTaken
from customers.profiles.schemas import Customer, CustomerDraft, CustomerPatch, CustomerUpsert, fields_of
from customers.provenance import service as past
from customers.provenance.errors import ObservedInFuture
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, OneWrite, Reads, Uow, problems
from shared.http.batches import BatchAnswer, BatchRequest, answer_body
from shared.http.etags import IfMatch, set_etag
from shared.http.pagination import Page, PageQuery
from shared.http.schemas import MomentInput

router = APIRouter(prefix="/v1/customers", tags=["customers"])

_AS_OF = (
    "The profile as it was known then, with who belonged to him then; its ETag names no version that could be changed. What had been "
    "observed before but was told later is not in it."
)
AsOf = Annotated[MomentInput | None, Query(description=_AS_OF, examples=["2026-03-01T12:00:00Z"])]
_TRUE_AT = (
    "The profile as it was true then, as far as is known now or was known at `as_of`: what was observed later is left out, what was told "
    "later of that time is in it. Its ETag names no version that could be changed."
)
TrueAt = Annotated[MomentInput | None, Query(description=_TRUE_AT, examples=["2026-02-01T12:00:00Z"])]

_ATTRIBUTES = (AttributesRefused, AttributeInvalid, AttributeRequired, AttributeUnknown, AttributeTaken)


@router.post(
    "",
    operation_id="customers_create",
    status_code=201,
    responses=problems(ExternalIdTaken, IdentityErased, BirthDateInFuture, ObservedInFuture, *_ATTRIBUTES),
)
async def create(draft: CustomerDraft, response: Response, write: OneWrite, now: Now, caller: WritesCustomers) -> Customer:
    """Make a customer."""
    fields = fields_of(draft)
    told = batch.origin(caller.principal, fields, now.now())
    customer = await service.register_alone(write, fields, now.now().date(), told)
    set_etag(response, customer.version)
    response.headers["location"] = f"/v1/customers/{customer.id}"
    return (await view(write.connection, caller))(customer)


@router.get("", operation_id="customers_list", responses=problems(AttributeInvalid, AttributeNotFilterable, ContactsNotSearchable))
async def list_customers(
    query: CustomerQuery, page: PageQuery, connection: Reads, readings: Readings, caller: ReadsCustomers
) -> Page[Customer]:
    """List customers, filtered, searched by name, page by page.

    Without `contacts:read` contact data is masked, and none of `email`, `phone`, `q`, `sort=name` and personal attributes can be asked.
    """
    await check_question(connection, caller, query.asked, query.attributes, query.sort)
    rows = await service.listed(connection, query, page.key(*query.key_kinds), page.fetch)
    show = await view(connection, caller, readings)
    return page.page(rows, key=lambda row: row.sort_key, item=lambda row: show(row.customer))


@router.post("/batch", operation_id="customers_upsert_batch", response_model=BatchAnswer, response_model_exclude_none=True)
async def upsert_batch(request: BatchRequest[CustomerUpsert], uow: Uow, now: Now, caller: WritesCustomers) -> Mapping[str, Any]:
    """Make or complete up to 1,000 customers by their external ids; each item has its own result."""
    return answer_body(await batch.upsert(uow, request.items, now.now(), caller.principal))


@router.get("/{customer_id}", operation_id="customers_get", responses=problems(CustomerNotFound))
async def get(
    customer_id: CustomerIdInPath,
    response: Response,
    connection: Reads,
    readings: Readings,
    caller: ReadsCustomer,
    as_of: AsOf = None,
    true_at: TrueAt = None,
) -> Customer:
    """Return a customer, by any of his ids, or as he was known or was at a moment; a member may read himself.

    Contact data is masked without `contacts:read`.
    """
    show = await view(connection, caller, readings)
    if as_of is not None or true_at is not None:
        return show(await past.as_of(connection, customer_id, as_of, true_at))
    customer = await service.found(connection, customer_id)
    set_etag(response, customer.version)
    return show(customer)


@router.patch(
    "/{customer_id}",
    operation_id="customers_update",
    responses=problems(
        *(CustomerNotFound, ExternalIdTaken, IdentityErased, PreconditionFailed, PreconditionRequired, BirthDateInFuture),
        *(ObservedInFuture, *_ATTRIBUTES),
    ),
)
async def update(
    customer_id: CustomerIdInPath,
    patch: CustomerPatch,
    match: IfMatch,
    response: Response,
    uow: Uow,
    now: Now,
    readings: Readings,
    caller: WritesCustomers,
) -> Customer:
    """Change some fields of a customer by a merge patch."""
    fields = fields_of(patch)
    told = batch.origin(caller.principal, fields, now.now())
    customer = await service.amend(uow, customer_id, fields, match, now.now().date(), told)
    set_etag(response, customer.version)
    return (await view(uow.connection, caller, readings))(customer)
