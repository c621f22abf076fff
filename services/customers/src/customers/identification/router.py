"""The route of identification."""

from fastapi import Response

from customers.attributes.errors import AttributeInvalid, AttributeRequired, AttributeTaken, AttributeUnknown
from customers.dependencies import Now, WritesCustomers
from customers.identification import service
from customers.identification.schemas import Identification, IdentificationDraft, IgnoredIdentity
from customers.identities.errors import CustomerAmbiguous, IdentitiesDisagree, IdentityRefused, NobodyResolved
from customers.privacy.erasures.errors import IdentityErased
from customers.profiles import batch
from customers.profiles.errors import AttributesRefused, BirthDateInFuture, ExternalIdTaken
from customers.profiles.schemas import fields_of
from customers.provenance.errors import ObservedInFuture
from shared.http import APIRouter, Uow, problems

# Before the routes of customers: `identify` is no customer's id.
router = APIRouter(prefix="/v1/customers", tags=["identities"])

_KNOWN = {"description": "He was known before."}


@router.post(
    "/identify",
    operation_id="customers_identify",
    status_code=201,
    responses={200: {**_KNOWN, "model": Identification}}
    | problems(
        *(IdentityRefused, IdentitiesDisagree, CustomerAmbiguous, NobodyResolved, IdentityErased, ExternalIdTaken, ObservedInFuture),
        *(BirthDateInFuture, AttributesRefused, AttributeInvalid, AttributeRequired, AttributeUnknown, AttributeTaken),
    ),
)
async def identify(draft: IdentificationDraft, response: Response, uow: Uow, now: Now, caller: WritesCustomers) -> Identification:
    """Find the customer who was seen with some identifiers, or make him; what is not his yet is noted with him.

    An address, a number, a card or an id leads to him whoever had the device before. A device leads to who had it when nothing
    else is told, or when nothing but devices was known of him.
    """
    fields = {} if draft.profile is None else fields_of(draft.profile)
    told = batch.origin(caller.principal, fields, now.now())
    seen = [service.read(each.kind, each.value, each.source, place) for place, each in enumerate(draft.identities)]
    found = await service.identify(uow, seen, fields, told, draft.seen_at or now.now(), now.now())
    response.headers["location"] = f"/v1/customers/{found.customer_id}"
    if not found.is_new:
        response.status_code = 200
    ignored = [IgnoredIdentity(**each._asdict()) for each in found.ignored]
    return Identification(customer_id=found.customer_id, created=found.is_new, resolved_by=found.resolved_by, ignored=ignored)
