"""Routes of contacts and organisations."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response

from customers.contacts import service
from customers.contacts.errors import (
    ContactExists,
    ContactNotFound,
    HierarchyCycle,
    NotAnOrganisation,
    ParentUnknown,
    PeriodRefused,
    PersonUnknown,
)
from customers.contacts.schemas import (
    Contact,
    ContactDraft,
    ContactIdInPath,
    ContactPatch,
    Organisation,
    OrganisationDraft,
    Role,
    Subsidiary,
)
from customers.dependencies import Now, ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.profiles.errors import CustomerNotFound
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Caller, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag
from shared.http.merge_patch import changes
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1/customers/{customer_id}", tags=["contacts"])

_NOT_FOUND = (CustomerNotFound, ContactNotFound)
_Role = Annotated[Role | None, Query(description="Only those with this role.")]
_Current = Annotated[bool, Query(description="Only those who are there today.")]


def _sees(caller: Caller) -> bool:
    return "contacts:read" in caller.scopes


def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    return {("is_primary" if name == "primary" else name): value for name, value in fields.items()}


@router.post(
    "/contacts",
    operation_id="contacts_create",
    status_code=201,
    responses=problems(CustomerNotFound, NotAnOrganisation, ContactExists, PersonUnknown, PeriodRefused),
)
async def add(customer_id: CustomerIdInPath, draft: ContactDraft, response: Response, uow: Uow, caller: WritesCustomers) -> Contact:
    """Let a customer, or a person without a record, stand for an organisation."""
    contact = await service.add(uow, customer_id, _columns(draft.model_dump()))
    set_etag(response, contact["version"])
    response.headers["location"] = f"/v1/customers/{customer_id}/contacts/{contact['id']}"
    return Contact.of(contact, in_the_clear=_sees(caller))


@router.get("/contacts", operation_id="contacts_list", responses=problems(CustomerNotFound))
async def list_contacts(
    customer_id: CustomerIdInPath,
    page: PageQuery,
    connection: Reads,
    now: Now,
    caller: ReadsCustomers,
    role: _Role = None,
    current: _Current = False,
) -> Page[Contact]:
    """List who stands for an organisation, oldest first, whichever of its records they were added to."""
    day = now.now().date() if current else None
    rows = await service.listed(connection, customer_id, "organisation_id", page.key(datetime, str), page.fetch, role, day)
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=lambda row: Contact.of(row, in_the_clear=_sees(caller)))


@router.get("/contacts/{contact_id}", operation_id="contacts_get", responses=problems(*_NOT_FOUND))
async def get(
    customer_id: CustomerIdInPath, contact_id: ContactIdInPath, response: Response, connection: Reads, caller: ReadsCustomers
) -> Contact:
    """Return a contact of an organisation."""
    contact = await service.found(connection, customer_id, contact_id)
    set_etag(response, contact["version"])
    return Contact.of(contact, in_the_clear=_sees(caller))


@router.patch(
    "/contacts/{contact_id}",
    operation_id="contacts_update",
    responses=problems(*_NOT_FOUND, PersonUnknown, PeriodRefused, PreconditionFailed, PreconditionRequired),
)
async def amend(
    customer_id: CustomerIdInPath,
    contact_id: ContactIdInPath,
    patch: ContactPatch,
    match: IfMatch,
    response: Response,
    uow: Uow,
    caller: WritesCustomers,
) -> Contact:
    """Change a contact by a merge patch."""
    contact = await service.amend(uow, customer_id, contact_id, _columns(changes(patch)), match)
    set_etag(response, contact["version"])
    return Contact.of(contact, in_the_clear=_sees(caller))


@router.delete(
    "/contacts/{contact_id}",
    operation_id="contacts_delete",
    status_code=204,
    responses=problems(*_NOT_FOUND, PreconditionFailed, PreconditionRequired),
)
async def remove(customer_id: CustomerIdInPath, contact_id: ContactIdInPath, match: IfMatch, uow: Uow, _: WritesCustomers) -> None:
    """Let somebody stand for an organisation no more; his own record stays."""
    await service.remove(uow, customer_id, contact_id, match)


@router.get("/organisations", operation_id="organisations_of_person", responses=problems(CustomerNotFound))
async def list_organisations(
    customer_id: CustomerIdInPath,
    page: PageQuery,
    connection: Reads,
    now: Now,
    caller: ReadsCustomers,
    role: _Role = None,
    current: _Current = False,
) -> Page[Contact]:
    """List the organisations that a person stands for, oldest first."""
    day = now.now().date() if current else None
    rows = await service.listed(connection, customer_id, "person_id", page.key(datetime, str), page.fetch, role, day)
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=lambda row: Contact.of(row, in_the_clear=_sees(caller)))


@router.get("/organisation", operation_id="organisations_get", responses=problems(CustomerNotFound))
async def get_organisation(customer_id: CustomerIdInPath, connection: Reads, _: ReadsCustomers) -> Organisation:
    """Return what an organisation is in the chain of trade, and to whom it belongs."""
    return Organisation(**await service.organisation(connection, customer_id))


@router.put(
    "/organisation",
    operation_id="organisations_set",
    responses=problems(CustomerNotFound, NotAnOrganisation, HierarchyCycle, ParentUnknown),
)
async def put_organisation(customer_id: CustomerIdInPath, draft: OrganisationDraft, uow: Uow, _: WritesCustomers) -> Organisation:
    """Set what an organisation is in the chain of trade, and to whom it belongs; what is absent is emptied."""
    return Organisation(**await service.put_organisation(uow, customer_id, draft.channel_kind, draft.parent_id))


@router.get("/subsidiaries", operation_id="organisations_subsidiaries", responses=problems(CustomerNotFound))
async def list_subsidiaries(customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, _: ReadsCustomers) -> Page[Subsidiary]:
    """List the organisations that belong to one directly."""
    rows = await service.subsidiaries(connection, customer_id, page.key(str), page.fetch)
    return page.page(rows, key=lambda row: (row["record_id"],), item=lambda row: Subsidiary.model_validate(dict(row)))
