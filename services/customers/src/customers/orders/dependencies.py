"""The filter of a list of orders, as query parameters."""

from typing import Annotated, Any

from fastapi import Depends, Query

from customers.orders.schemas import Status
from shared.http.schemas import MomentInput


async def _order_filter(
    status: Annotated[Status | None, Query(description="Where they are on their way.")] = None,
    channel: Annotated[str | None, Query(min_length=1, max_length=100, description="Where they were placed.")] = None,
    shop: Annotated[str | None, Query(min_length=1, max_length=100, description="The seller's id of the shop or site.")] = None,
    placed_from: Annotated[MomentInput | None, Query(alias="from", description="Placed at this moment or later.")] = None,
    placed_to: Annotated[MomentInput | None, Query(alias="to", description="Placed before this moment.")] = None,
    sku: Annotated[str | None, Query(min_length=1, max_length=100, description="With this article.")] = None,
    category: Annotated[str | None, Query(min_length=1, max_length=100, description="With an article of this category.")] = None,
) -> dict[str, Any]:
    given = {
        "status": status,
        "channel": channel,
        "shop": shop,
        "placed_from": placed_from,
        "placed_to": placed_to,
        "sku": sku,
        "category": category,
    }
    return {name: value for name, value in given.items() if value is not None}


# Values by the names of the repository's filters.
OrderQuery = Annotated[dict[str, Any], Depends(_order_filter)]
