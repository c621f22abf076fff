"""Routes of holdings, their balances, and credit ratings."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Response

from customers.audit.reads import Readings
from customers.audit.service import Entry
from customers.dependencies import Now, ReadsCustomers, WritesCustomers
from customers.fields import CustomerIdInPath
from customers.holdings import service
from customers.holdings.errors import (
    BalanceAtRefused,
    CustomerUnknown,
    HoldingClosed,
    HoldingDatesRefused,
    HoldingDiffers,
    HoldingNotFound,
    PeriodRefused,
    RatingDiffers,
)
from customers.holdings.repository import StoredHolding
from customers.holdings.schemas import (
    BalanceDraft,
    BalanceView,
    Behaviour,
    CreditRating,
    CreditRatingDraft,
    FinancialSummary,
    Holding,
    HoldingAlert,
    HoldingDraft,
    HoldingPatch,
    HoldingStatus,
    ProductKind,
)
from customers.profiles.errors import CustomerNotFound
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Caller, Reads, Uow, problems, requires
from shared.http.etags import IfMatch, set_etag
from shared.http.merge_patch import changes
from shared.http.pagination import Page, PageQuery
from shared.http.schemas import MomentInput

router = APIRouter(tags=["holdings"])

SeesRatings = Annotated[Caller, requires("contacts:read")]
_HoldingId = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The holding.", examples=["hld_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
_Since = Annotated[MomentInput | None, Query(alias="from", description="Start of the period; a year before its end when absent.")]
_Until = Annotated[MomentInput | None, Query(alias="to", description="End of the period; now when absent.")]
_EXISTED = {"description": "It was recorded before and is unchanged."}


async def _filter(
    product_kind: Annotated[ProductKind | None, Query(description="Of this kind only.")] = None,
    status: Annotated[HoldingStatus | None, Query(description="Open or closed ones only.")] = None,
) -> dict[str, Any]:
    return {name: value for name, value in {"product_kind": product_kind, "status": status}.items() if value is not None}


@router.post(
    "/v1/holdings",
    operation_id="holdings_record",
    status_code=201,
    responses={200: {**_EXISTED, "model": Holding}} | problems(HoldingDiffers, CustomerUnknown, HoldingDatesRefused),
)
async def record(draft: HoldingDraft, response: Response, uow: Uow, now: Now, _: WritesCustomers) -> Holding:
    """Record a deposit, a loan or an investment of a customer; the same again under its external id changes nothing."""
    holding, is_new = await service.record(uow, draft, now.now())
    response.headers["location"] = f"/v1/holdings/{holding.id}"
    if not is_new:
        response.status_code = 200
    return _shown(response, holding, now.now())


@router.get("/v1/holdings", operation_id="holdings_list")
async def list_holdings(
    query: Annotated[dict[str, Any], Depends(_filter)], page: PageQuery, connection: Reads, now: Now, _: ReadsCustomers
) -> Page[Holding]:
    """List holdings, the last recorded first, filtered, page by page."""
    holdings = await service.listed(connection, query, page.key(str), page.fetch)
    return page.page(holdings, key=lambda holding: (holding.id,), item=lambda holding: _view(holding, now.now()))


@router.get("/v1/holdings/{holding_id}", operation_id="holdings_get", responses=problems(HoldingNotFound))
async def get(holding_id: _HoldingId, response: Response, connection: Reads, now: Now, _: ReadsCustomers) -> Holding:
    """Return a holding."""
    return _shown(response, await service.found(connection, holding_id), now.now())


@router.patch(
    "/v1/holdings/{holding_id}",
    operation_id="holdings_update",
    responses=problems(HoldingNotFound, HoldingClosed, HoldingDatesRefused, PreconditionFailed, PreconditionRequired),
)
async def update(
    holding_id: _HoldingId, patch: HoldingPatch, match: IfMatch, response: Response, uow: Uow, now: Now, _: WritesCustomers
) -> Holding:
    """Change some fields of a holding by a merge patch."""
    return _shown(response, await service.amend(uow, holding_id, changes(patch), match, now.now()), now.now())


@router.post(
    "/v1/holdings/{holding_id}/balances",
    operation_id="holdings_note_balance",
    status_code=201,
    responses=problems(HoldingNotFound, HoldingClosed, BalanceAtRefused),
)
async def note_balance(holding_id: _HoldingId, draft: BalanceDraft, uow: Uow, now: Now, _: WritesCustomers) -> BalanceView:
    """Record a balance of a holding; a second one of the same moment replaces the first."""
    balance = await service.note_balance(uow, holding_id, draft.balance_minor, draft.at, now.now())
    return BalanceView(at=balance.at, balance_minor=balance.minor)


@router.get("/v1/holdings/{holding_id}/balances", operation_id="holdings_list_balances", responses=problems(HoldingNotFound))
async def list_balances(holding_id: _HoldingId, page: PageQuery, connection: Reads, _: ReadsCustomers) -> Page[BalanceView]:
    """List the balances of a holding, newest first."""
    rows = await service.balances(connection, holding_id, page.key(datetime), page.fetch)
    return page.page(rows, key=lambda row: (row.at,), item=lambda row: BalanceView(at=row.at, balance_minor=row.minor))


@router.get(
    "/v1/holdings/{holding_id}/behaviour", operation_id="holdings_get_behaviour", responses=problems(HoldingNotFound, PeriodRefused)
)
async def behaviour(
    holding_id: _HoldingId, connection: Reads, now: Now, _: ReadsCustomers, since: _Since = None, until: _Until = None
) -> Behaviour:
    """Tell how the balance of a holding went: its average over time, what came and went, and what never left."""
    return Behaviour.model_validate(await service.behaviour(connection, holding_id, since, until, now.now()))


@router.get("/v1/holdings/{holding_id}/alerts", operation_id="holdings_list_alerts", responses=problems(HoldingNotFound))
async def list_alerts(holding_id: _HoldingId, page: PageQuery, connection: Reads, _: ReadsCustomers) -> Page[HoldingAlert]:
    """List what was noticed about a holding, the last first: its maturity nearing, a payment overdue, its balance falling."""
    rows = await service.alerts(connection, holding_id, page.key(str), page.fetch)
    return page.page(rows, key=lambda row: (row["id"],), item=lambda row: HoldingAlert.model_construct(**row))


@router.get("/v1/customers/{customer_id}/alerts", operation_id="customers_list_alerts", responses=problems(CustomerNotFound))
async def list_alerts_of_customer(
    customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, _: ReadsCustomers
) -> Page[HoldingAlert]:
    """List what was noticed about the holdings of a customer, over all of his records, the last first."""
    rows = await service.alerts_of_customer(connection, customer_id, page.key(str), page.fetch)
    return page.page(rows, key=lambda row: (row["id"],), item=lambda row: HoldingAlert.model_construct(**row))


@router.get("/v1/customers/{customer_id}/holdings", operation_id="customers_list_holdings", responses=problems(CustomerNotFound))
async def list_of_customer(customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, now: Now, _: ReadsCustomers) -> Page[Holding]:
    """List the holdings of a customer, over all of his records, the last recorded first."""
    holdings = await service.of_customer(connection, customer_id, page.key(str), page.fetch)
    return page.page(holdings, key=lambda holding: (holding.id,), item=lambda holding: _view(holding, now.now()))


@router.post(
    "/v1/customers/{customer_id}/credit-ratings",
    operation_id="customers_rate_credit",
    status_code=201,
    responses={200: {**_EXISTED, "model": CreditRating}} | problems(CustomerNotFound, RatingDiffers),
)
async def rate_credit(
    customer_id: CustomerIdInPath, draft: CreditRatingDraft, response: Response, uow: Uow, caller: WritesCustomers
) -> CreditRating:
    """Record a customer's credit rating with its source and date; the same again changes nothing."""
    rating, is_new = await service.rate(uow, customer_id, vars(draft), caller.principal)
    if not is_new:
        response.status_code = 200
    return CreditRating.model_validate(dict(rating))


@router.get(
    "/v1/customers/{customer_id}/credit-ratings", operation_id="customers_list_credit_ratings", responses=problems(CustomerNotFound)
)
async def list_ratings(
    customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, readings: Readings, caller: SeesRatings
) -> Page[CreditRating]:
    """List a customer's credit ratings, newest first, to callers who may see contact data."""
    rows = await service.ratings(connection, customer_id, page.key(datetime, str), page.fetch)
    if rows:
        readings.note(_rating_read(caller, customer_id))
    return page.page(rows, key=lambda row: (row["rated_at"], row["id"]), item=lambda row: CreditRating.model_validate(dict(row)))


@router.get(
    "/v1/customers/{customer_id}/financial-summary", operation_id="customers_financial_summary", responses=problems(CustomerNotFound)
)
async def financial_summary(
    customer_id: CustomerIdInPath, connection: Reads, readings: Readings, now: Now, caller: ReadsCustomers
) -> FinancialSummary:
    """Tell what a customer holds, over all of his records; the credit rating to callers who may see contact data."""
    may_see = "contacts:read" in caller.scopes
    summary = await service.financial_summary(connection, customer_id, now.now(), with_rating=may_see)
    if summary["credit_rating"] is not None:
        readings.note(_rating_read(caller, customer_id))
    return FinancialSummary.model_validate(summary)


def _rating_read(caller: Caller, customer_id: str) -> Entry:
    return Entry(caller.principal, "credit_rating_read", customer_id, fields=("credit_rating",))


def _shown(response: Response, holding: StoredHolding, now: datetime) -> Holding:
    set_etag(response, holding.version)
    return _view(holding, now)


def _view(holding: StoredHolding, now: datetime) -> Holding:
    values = holding._asdict()
    del values["version"]
    due = holding.payment_due_at if holding.status == "open" else None
    status = "none" if due is None else "overdue" if due <= now else "current"
    return Holding.model_construct(**values, payment_status=status)
