"""Routes of provenance: where a profile comes from, what it was, and which source is believed."""

from typing import Annotated

from fastapi import Query, Response

from customers.audit.reads import Readings
from customers.dependencies import ReadsCustomer, ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.profiles.errors import CustomerNotFound
from customers.provenance import repository, service
from customers.provenance.errors import RulesRefused
from customers.provenance.schemas import FieldChange, Provenances, SurvivorshipRules, SurvivorshipRulesDraft, provenance_of
from customers.provenance.viewing import field_view
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag
from shared.http.pagination import Page, PageQuery

router = APIRouter(prefix="/v1", tags=["provenance"])

_FieldName = Annotated[
    str | None, Query(min_length=1, max_length=120, description="This field only, such as `city` or `attributes.size`.", examples=["city"])
]


@router.get("/customers/{customer_id}/history", operation_id="customers_list_history", responses=problems(CustomerNotFound))
async def history(
    customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, readings: Readings, caller: ReadsCustomer, field: _FieldName = None
) -> Page[FieldChange]:
    """List what was told of a customer's fields, newest first, of all records that stand for him."""
    rows = await service.history(connection, customer_id, field, page.key(int, str), page.fetch)
    view = await field_view(connection, caller)
    view.note(readings, customer_id, ((row["field"], row["value"]) for row in rows))
    return page.page(rows, key=lambda row: (row["number"], row["field"]), item=lambda row: FieldChange.of(row, view))


@router.get("/customers/{customer_id}/provenance", operation_id="customers_get_provenance", responses=problems(CustomerNotFound))
async def provenance(customer_id: CustomerIdInPath, connection: Reads, readings: Readings, caller: ReadsCustomer) -> Provenances:
    """Tell for each field of a customer who told it, why it counts, and what others told that does not."""
    family, known = await service.provenance(connection, customer_id)
    view = await field_view(connection, caller)
    view.note(readings, family.root_id, ((each.name, each.entry.value) for each in known))
    fields = [provenance_of(each.name, each.entry, each.losing, view) for each in known]
    return Provenances.model_construct(customer_id=family.root_id, record_ids=family.ids, fields=fields)


@router.get("/survivorship-rules", operation_id="survivorship_rules_get")
async def get_rules(response: Response, connection: Reads, _: ReadsCustomers) -> SurvivorshipRules:
    """Return which source is believed, by field."""
    rules = await repository.current_rules(connection)
    set_etag(response, service.tag_of(rules))
    return SurvivorshipRules.of(rules)


@router.put(
    "/survivorship-rules",
    operation_id="survivorship_rules_set",
    responses=problems(RulesRefused, PreconditionFailed, PreconditionRequired),
)
async def set_rules(
    draft: SurvivorshipRulesDraft, match: IfMatch, response: Response, uow: Uow, caller: WritesCustomers
) -> SurvivorshipRules:
    """Say which source is believed, by field; decides what is told from now on, and takes nothing back."""
    rules = await service.set_rules(uow.connection, draft.rules, match, caller.principal)
    set_etag(response, service.tag_of(rules))
    return SurvivorshipRules.of(rules)
