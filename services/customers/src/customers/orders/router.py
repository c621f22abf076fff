"""Routes of orders and returns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import Response

from customers.dependencies import Now, ReadsOrders, ReadsOrdersOfCustomer, WritesOrders
from customers.fields import CustomerIdInPath, OrderIdInPath
from customers.orders import batch, returns, service, steps
from customers.orders.dependencies import OrderQuery
from customers.orders.errors import (
    AmountsDiffer,
    ChangedAtRefused,
    CustomerUnknown,
    NothingToReturn,
    OrderDiffers,
    OrderIsCancelled,
    OrderNotFound,
    OrderOfNobody,
    PlacedAtRefused,
    RefundExceedsOrder,
    ReturnDiffers,
    ReturnedAtRefused,
    ReturnExceedsOrder,
    SkuNotInOrder,
    StepNotAllowed,
)
from customers.orders.repository import StoredOrder
from customers.orders.schemas import (
    Order,
    OrderCancellation,
    OrderCorrection,
    OrderDraft,
    OrderPatch,
    OrderStep,
    RefundDraft,
    Return,
    ReturnDraft,
)
from customers.profiles.errors import CustomerNotFound
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.batches import BatchAnswer, BatchRequest, answer_body
from shared.http.etags import IfMatch, set_etag
from shared.http.pagination import Page, PageQuery

router = APIRouter(tags=["orders"])

_EXISTED = {"description": "It was recorded before and is unchanged."}


@router.post(
    "/v1/orders",
    operation_id="orders_create",
    status_code=201,
    responses={200: {**_EXISTED, "model": Order}} | problems(OrderDiffers, CustomerUnknown, PlacedAtRefused, AmountsDiffer),
)
async def create(draft: OrderDraft, response: Response, uow: Uow, now: Now, _: WritesOrders) -> Order:
    """Record an order; the same again under the same external id changes nothing."""
    order, is_new = await service.place(uow, draft, now.now())
    return _made(response, order, is_new=is_new)


@router.post("/v1/orders/batch", operation_id="orders_create_batch", response_model=BatchAnswer, response_model_exclude_none=True)
async def create_batch(request: BatchRequest[OrderDraft], uow: Uow, now: Now, _: WritesOrders) -> Mapping[str, Any]:
    """Record up to 1,000 orders; each item has its own result."""
    return answer_body(await batch.place(uow, request.items, now.now()))


@router.get("/v1/orders", operation_id="orders_list")
async def list_orders(query: OrderQuery, page: PageQuery, connection: Reads, _: ReadsOrders) -> Page[Order]:
    """List orders, newest first, filtered, page by page."""
    orders = await service.listed(connection, query, page.key(datetime, str), page.fetch)
    return page.page(orders, key=_sort_key, item=Order.of)


@router.get("/v1/orders/{order_id}", operation_id="orders_get", responses=problems(OrderNotFound))
async def get(order_id: OrderIdInPath, response: Response, connection: Reads, _: ReadsOrders) -> Order:
    """Return an order with its returns."""
    return _shown(response, await service.found(connection, order_id))


@router.patch(
    "/v1/orders/{order_id}",
    operation_id="orders_update",
    responses=problems(OrderNotFound, OrderOfNobody, PreconditionFailed, PreconditionRequired, OrderIsCancelled, StepNotAllowed),
)
async def update(
    order_id: OrderIdInPath, patch: OrderPatch, match: IfMatch, response: Response, uow: Uow, now: Now, _: WritesOrders
) -> Order:
    """Take an order that was read a step further on its way."""
    return _shown(response, await steps.advance(uow, order_id, patch.status, None, now.now(), match))


@router.post(
    "/v1/orders/{order_id}/status",
    operation_id="orders_advance",
    responses=problems(OrderNotFound, OrderOfNobody, OrderIsCancelled, StepNotAllowed, ChangedAtRefused),
)
async def advance(order_id: OrderIdInPath, step: OrderStep, response: Response, uow: Uow, now: Now, _: WritesOrders) -> Order:
    """Take an order a step further, whatever version it has; its last step again changes nothing."""
    return _shown(response, await steps.advance(uow, order_id, step.status, step.changed_at, now.now(), None))


@router.post(
    "/v1/orders/{order_id}/cancel",
    operation_id="orders_cancel",
    responses=problems(OrderNotFound, OrderOfNobody, StepNotAllowed, ChangedAtRefused),
)
async def cancel(
    order_id: OrderIdInPath, response: Response, uow: Uow, now: Now, _: WritesOrders, draft: OrderCancellation | None = None
) -> Order:
    """Cancel an order that did not arrive: it counts no more; a second time changes nothing."""
    return _shown(response, await steps.cancel(uow, order_id, draft and draft.cancelled_at, now.now()))


@router.post(
    "/v1/orders/{order_id}/corrections",
    operation_id="orders_correct",
    status_code=201,
    responses={200: {**_EXISTED, "model": Order}}
    | problems(OrderNotFound, OrderOfNobody, OrderDiffers, OrderIsCancelled, PlacedAtRefused, AmountsDiffer, CustomerUnknown),
)
async def correct(order_id: OrderIdInPath, draft: OrderCorrection, response: Response, uow: Uow, now: Now, _: WritesOrders) -> Order:
    """Cancel an order and place what it should have been in its stead; each names the other.

    What came back of the old order counts no more, as the order itself: record it again for the new one.
    """
    order, is_new = await steps.correct(uow, order_id, draft, now.now())
    return _made(response, order, is_new=is_new)


@router.post(
    "/v1/orders/{order_id}/returns",
    operation_id="orders_return",
    status_code=201,
    responses={200: {**_EXISTED, "model": Return}}
    | problems(
        *(OrderNotFound, OrderOfNobody, ReturnDiffers, ReturnExceedsOrder, NothingToReturn, SkuNotInOrder, ReturnedAtRefused),
        *(OrderIsCancelled, RefundExceedsOrder),
    ),
)
async def take_back(
    order_id: OrderIdInPath, response: Response, uow: Uow, now: Now, _: WritesOrders, draft: ReturnDraft | None = None
) -> Return:
    """Record what comes back of an order: some pieces, or without lines everything that is left."""
    return _returned(response, await returns.take_back(uow, order_id, draft or ReturnDraft(), now.now()))


@router.post(
    "/v1/orders/{order_id}/refunds",
    operation_id="orders_refund",
    status_code=201,
    responses={200: {**_EXISTED, "model": Return}}
    | problems(
        *(OrderNotFound, OrderOfNobody, ReturnDiffers, ReturnExceedsOrder, SkuNotInOrder, ReturnedAtRefused),
        *(OrderIsCancelled, RefundExceedsOrder),
    ),
)
async def refund(order_id: OrderIdInPath, draft: RefundDraft, response: Response, uow: Uow, now: Now, _: WritesOrders) -> Return:
    """Record money given back while the goods stay: a price reduction or goodwill.

    What it takes off the goods counts as returned, in net revenue and in points; it stands among the order's returns.
    """
    return _returned(response, await returns.refund(uow, order_id, draft, now.now()))


@router.get("/v1/customers/{customer_id}/orders", operation_id="customers_list_orders", responses=problems(CustomerNotFound))
async def list_of_customer(customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, _: ReadsOrdersOfCustomer) -> Page[Order]:
    """List a customer's orders, newest first; a member may list his own."""
    orders = await service.of_customer(connection, customer_id, page.key(datetime, str), page.fetch)
    return page.page(orders, key=_sort_key, item=Order.of)


def _sort_key(order: StoredOrder) -> tuple[datetime, str]:
    return order.placed_at, order.id


def _shown(response: Response, order: StoredOrder) -> Order:
    set_etag(response, order.version)
    return Order.of(order)


def _returned(response: Response, recorded: tuple[Mapping[str, Any], int, bool]) -> Return:
    values, version, is_new = recorded
    set_etag(response, version)
    if not is_new:
        response.status_code = 200
    return Return.of(values)


def _made(response: Response, order: StoredOrder, *, is_new: bool) -> Order:
    response.headers["location"] = f"/v1/orders/{order.id}"
    if not is_new:
        response.status_code = 200
    return _shown(response, order)
