"""Routes of orders and returns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import Response

from customers.dependencies import Now, ReadsOrders, ReadsOrdersOfCustomer, WritesOrders
from customers.fields import CustomerIdInPath, OrderIdInPath
from customers.orders import batch, service
from customers.orders.errors import (
    CustomerUnknown,
    NothingToReturn,
    OrderDiffers,
    OrderNotFound,
    PlacedAtRefused,
    ReturnDiffers,
    ReturnedAtRefused,
    ReturnExceedsOrder,
    SkuNotInOrder,
)
from customers.orders.schemas import Order, OrderDraft, Return, ReturnDraft
from customers.profiles.errors import CustomerNotFound
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.batches import BatchAnswer, BatchRequest, answer_body
from shared.http.etags import set_etag
from shared.http.pagination import Page, PageQuery

router = APIRouter(tags=["orders"])

_EXISTED = {"description": "It was recorded before and is unchanged."}


@router.post(
    "/v1/orders",
    operation_id="orders_create",
    status_code=201,
    responses={200: {**_EXISTED, "model": Order}} | problems(OrderDiffers, CustomerUnknown, PlacedAtRefused),
)
async def create(draft: OrderDraft, response: Response, uow: Uow, now: Now, _: WritesOrders) -> Order:
    """Record an order; the same again under the same external id changes nothing."""
    order, is_new = await service.place(uow, draft, now.now())
    set_etag(response, order.version)
    response.headers["location"] = f"/v1/orders/{order.id}"
    if not is_new:
        response.status_code = 200
    return Order.of(order)


@router.post("/v1/orders/batch", operation_id="orders_create_batch", response_model=BatchAnswer, response_model_exclude_none=True)
async def create_batch(request: BatchRequest[OrderDraft], uow: Uow, now: Now, _: WritesOrders) -> Mapping[str, Any]:
    """Record up to 1,000 orders; each item has its own result."""
    return answer_body(await batch.place(uow, request.items, now.now()))


@router.get("/v1/orders/{order_id}", operation_id="orders_get", responses=problems(OrderNotFound))
async def get(order_id: OrderIdInPath, response: Response, connection: Reads, _: ReadsOrders) -> Order:
    """Return an order with its returns."""
    order = await service.found(connection, order_id)
    set_etag(response, order.version)
    return Order.of(order)


@router.post(
    "/v1/orders/{order_id}/returns",
    operation_id="orders_return",
    status_code=201,
    responses={200: {**_EXISTED, "model": Return}}
    | problems(OrderNotFound, ReturnDiffers, ReturnExceedsOrder, NothingToReturn, SkuNotInOrder, ReturnedAtRefused),
)
async def take_back(
    order_id: OrderIdInPath, response: Response, uow: Uow, now: Now, _: WritesOrders, draft: ReturnDraft | None = None
) -> Return:
    """Record what comes back of an order: some pieces, or without lines everything that is left."""
    values, version, is_new = await service.take_back(uow, order_id, draft or ReturnDraft(), now.now())
    set_etag(response, version)
    if not is_new:
        response.status_code = 200
    return Return.of(values)


@router.get("/v1/customers/{customer_id}/orders", operation_id="customers_list_orders", responses=problems(CustomerNotFound))
async def list_of_customer(customer_id: CustomerIdInPath, page: PageQuery, connection: Reads, _: ReadsOrdersOfCustomer) -> Page[Order]:
    """List a customer's orders, newest first; a member may list his own."""
    orders = await service.of_customer(connection, customer_id, page.key(datetime, str), page.fetch)
    return page.page(orders, key=lambda order: (order.placed_at, order.id), item=Order.of)
