"""Lists of orders, newest first: of all customers with filters, and of one customer with all of his records."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from customers.orders.repository import ORDER, StoredOrder
from shared.database.pool import Connection

# One condition a filter; `{n}` becomes the number of its parameter. The first ones are answered by the orders themselves.
_OF_ORDERS = {"status": "o.status = ${n}", "channel": "o.channel = ${n}", "shop": "o.shop = ${n}"}
_OF_LINES = {"sku": "l.sku = ${n}", "category": "l.category = ${n}"}
_OF_TIME = {"placed_from": "{t}.placed_at >= ${n}", "placed_to": "{t}.placed_at < ${n}"}
_NEWEST = "ORDER BY o.placed_at DESC, o.id DESC LIMIT"

# The newest of each record first, so that a family of any size reads no more than a page of each.
_OF_FAMILY = f"""
SELECT o.* FROM unnest($1::text[]) AS f (id) CROSS JOIN LATERAL ({ORDER} WHERE o.customer_id = f.id {_NEWEST} $2) AS o {_NEWEST} $2
"""
_OF_FAMILY_AFTER = _OF_FAMILY.replace("= f.id", "= f.id AND (o.placed_at, o.id) < ($3, $4)")


async def page(connection: Connection, filters: Mapping[str, Any], after: Sequence[Any] | None, limit: int) -> list[StoredOrder]:
    """Return the orders that pass the filters, after a sort key (placed_at, id).

    Args:
        connection: to read with.
        filters: values by name: status, channel, shop, placed_from, placed_to, sku, category.
        after: the last order that the caller has; None at the beginning.
        limit: orders at most.
    """
    statement = page_statement(tuple(filters), is_first=after is None)
    rows = await connection.fetch(statement, *filters.values(), *(after or ()), limit)
    return [StoredOrder(*row) for row in rows]


async def page_of_family(connection: Connection, ids: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[StoredOrder]:
    """Return the orders of all records of a customer, after a sort key (placed_at, id)."""
    rows = await connection.fetch(_OF_FAMILY_AFTER if after else _OF_FAMILY, ids, limit, *(after or ()))
    return [StoredOrder(*row) for row in rows]


@lru_cache(maxsize=512)
def page_statement(filters: tuple[str, ...], *, is_first: bool) -> str:
    """Return the statement of a page; its parameters are the filters' values, the sort key unless it is the first page, the limit."""
    by_line = bool(_OF_LINES.keys() & filters)
    table, key = ("l", "l.placed_at, l.order_id") if by_line else ("o", "o.placed_at, o.id")
    of_lines, of_orders = [], []
    for number, name in enumerate(filters, start=1):
        if name in _OF_ORDERS:
            of_orders.append(_OF_ORDERS[name].format(n=number))
        else:
            of_lines.append((_OF_LINES.get(name) or _OF_TIME[name]).format(n=number, t=table))
    count = len(filters)
    if not is_first:
        of_lines.append(f"({key}) < (${count + 1}, ${count + 2})")
        count += 2
    if not by_line:
        where = " AND ".join([*of_lines, *of_orders]) or "true"
        return f"{ORDER} WHERE {where} {_NEWEST} ${count + 1}"
    # An order can have several such lines, which follow each other in the index.
    lines = f"SELECT DISTINCT l.placed_at, l.order_id FROM order_lines AS l WHERE {' AND '.join(of_lines)}"
    found = f"({lines} ORDER BY l.placed_at DESC, l.order_id DESC) AS found"
    where = " AND ".join(of_orders) or "true"
    shown = ORDER.replace("FROM orders AS o", f"FROM {found} JOIN orders AS o ON o.id = found.order_id", 1)
    return f"{shown} WHERE {where} ORDER BY found.placed_at DESC, found.order_id DESC LIMIT ${count + 1}"
