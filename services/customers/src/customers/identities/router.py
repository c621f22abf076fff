"""Routes of identities and their rules."""

from fastapi import Response

from customers.audit.reads import Readings
from customers.dependencies import Now, ReadsCustomer, ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.identities import service
from customers.identities.dependencies import Asked
from customers.identities.errors import (
    CustomerAmbiguous,
    IdentitiesDisagree,
    IdentityBlocked,
    IdentityLimitReached,
    IdentityNotFound,
    IdentityOfProfile,
    IdentityRefused,
    NobodyResolved,
    NothingToResolve,
)
from customers.identities.rules import normal
from customers.identities.schemas import (
    CustomerIdentities,
    CustomerIdentity,
    IdentityDraft,
    IdentityIdInPath,
    IdentityRuleSet,
    IdentityRulesView,
)
from customers.identities.viewing import note_resolved, viewed
from customers.privacy.erasures.errors import IdentityErased
from customers.privacy.viewing import view
from customers.profiles import service as profiles
from customers.profiles.errors import CustomerNotFound
from customers.profiles.schemas import Customer
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag

# Before the routes of customers: `resolve` is no customer's id.
router = APIRouter(prefix="/v1", tags=["identities"])

_SEEN_AGAIN = {"description": "The customer has it already; it was seen again."}


@router.get(
    "/customers/resolve",
    operation_id="customers_resolve",
    responses=problems(NobodyResolved, IdentitiesDisagree, CustomerAmbiguous, IdentityRefused, NothingToResolve),
)
async def resolve(asked: Asked, response: Response, connection: Reads, readings: Readings, caller: ReadsCustomers) -> Customer:
    """Return the customer whom identifiers lead to; several must agree, and what is blocked or shared by too many leads to nobody.

    Contact data is masked without `contacts:read`; who resolves without it is written into the audit log.
    """
    show = await view(connection, caller, readings)
    customer = await profiles.found(connection, await service.resolve(connection, asked))
    note_resolved(caller, customer.id, asked, readings)
    set_etag(response, customer.version)
    response.headers["content-location"] = f"/v1/customers/{customer.id}"
    return show(customer)


@router.get("/customers/{customer_id}/identities", operation_id="identities_list", responses=problems(CustomerNotFound))
async def list_identities(
    customer_id: CustomerIdInPath, connection: Reads, readings: Readings, caller: ReadsCustomer
) -> CustomerIdentities:
    """Return all identifiers of a customer, those of his profile and of records merged into his included.

    They are masked without `contacts:read`.
    """
    show = viewed(caller, customer_id, readings)
    return CustomerIdentities(data=show(await service.listed(connection, customer_id)))


@router.post(
    "/customers/{customer_id}/identities",
    operation_id="identities_add",
    status_code=201,
    responses={200: {**_SEEN_AGAIN, "model": CustomerIdentity}}
    | problems(CustomerNotFound, IdentityRefused, IdentityBlocked, IdentityLimitReached, IdentityErased),
)
async def add(
    customer_id: CustomerIdInPath, draft: IdentityDraft, response: Response, uow: Uow, now: Now, caller: WritesCustomers
) -> CustomerIdentity:
    """Note an identifier that a customer was seen with."""
    identity = normal(draft.kind, draft.value, draft.source)
    shown, is_new = await service.add(uow.connection, customer_id, identity, draft.seen_at or now.now())
    response.headers["location"] = f"/v1/customers/{customer_id}/identities/{shown.kept.id}"
    if not is_new:
        response.status_code = 200
    return viewed(caller, customer_id)([shown])[0]


@router.delete(
    "/customers/{customer_id}/identities/{identity_id}",
    operation_id="identities_remove",
    status_code=204,
    responses=problems(CustomerNotFound, IdentityNotFound, IdentityOfProfile),
)
async def remove(customer_id: CustomerIdInPath, identity_id: IdentityIdInPath, uow: Uow, _: WritesCustomers) -> None:
    """Take an identifier from a customer."""
    await service.remove(uow.connection, customer_id, identity_id)


@router.get("/identity-rules", operation_id="identity_rules_get")
async def get_rules(response: Response, connection: Reads, _: ReadsCustomers) -> IdentityRulesView:
    """Return when identifiers are not trusted."""
    version, rules = await service.rules(connection)
    set_etag(response, version)
    return IdentityRulesView.of(rules)


@router.put("/identity-rules", operation_id="identity_rules_replace", responses=problems(PreconditionFailed, PreconditionRequired))
async def replace_rules(wanted: IdentityRuleSet, match: IfMatch, response: Response, uow: Uow, _: WritesCustomers) -> IdentityRulesView:
    """Say when identifiers are not trusted; it counts at once, for what is known already too."""
    rules = wanted.rules()
    set_etag(response, await service.replace_rules(uow.connection, rules, match))
    return IdentityRulesView.of(rules)
