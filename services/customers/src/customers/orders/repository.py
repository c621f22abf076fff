"""Every query on orders and returns."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from asyncpg import Record

from customers.orders.schemas import OrderDraft, data_of
from shared.database.pool import Connection

_NEW = "(id, external_id, customer_id, placed_at, currency, channel, amount_minor, lines)"
_PLACED = """, placed AS (
    INSERT INTO orders (id, external_id, customer_id, placed_at, currency, channel, amount_minor, lines)
    SELECT $2, $3, customer.id, $4, $5, $6, $7, $8 FROM customer
    ON CONFLICT (external_id) DO NOTHING
    RETURNING customer_id, created_at
)
SELECT placed.customer_id, placed.created_at, customer.external_id AS customer_external_id FROM placed, customer
"""
_PLACE_BY_ID = "WITH customer AS (SELECT id, external_id FROM customers WHERE id = $1)" + _PLACED
_PLACE_BY_EXTERNAL_ID = "WITH customer AS (SELECT id, external_id FROM customers WHERE external_id = $1)" + _PLACED

_RESOLVE = """
SELECT coalesce(c.id, e.id) AS known_customer_id, o.id, o.customer_id, o.placed_at, o.currency, o.channel, o.lines
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS t (external_id, customer_id, customer_external_id, place)
LEFT JOIN customers AS c ON c.id = t.customer_id
LEFT JOIN customers AS e ON e.external_id = t.customer_external_id
LEFT JOIN orders AS o ON o.external_id = t.external_id
ORDER BY t.place
"""
# In the order of the external ids, so that two batches never wait for each other in a circle.
_PLACE_MANY = f"""
INSERT INTO orders {_NEW}
SELECT id, external_id, customer_id, placed_at, currency, channel, amount_minor, lines::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::bigint[], $8::text[]) AS t {_NEW}
ORDER BY external_id
ON CONFLICT (external_id) DO NOTHING
RETURNING id
"""

_ORDER = """
SELECT o.id, o.version, o.external_id, o.customer_id, c.external_id AS customer_external_id, o.placed_at, o.currency, o.channel,
       o.amount_minor, o.returned_total_minor, o.lines, o.created_at,
       CASE WHEN o.version = 1 THEN '[]'::jsonb ELSE (
           SELECT jsonb_agg(to_jsonb(r) - 'requested' - 'order_version' ORDER BY r.order_version)
           FROM order_returns AS r WHERE r.order_id = o.id
       ) END AS returns
FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
"""
_GET = f"{_ORDER} WHERE o.id = $1"
_GET_BY_EXTERNAL_ID = f"{_ORDER} WHERE o.external_id = $1"
_PAGE = f"{_ORDER} WHERE o.customer_id = $1 ORDER BY o.placed_at DESC, o.id DESC LIMIT $2"
_PAGE_AFTER = f"{_ORDER} WHERE o.customer_id = $1 AND (o.placed_at, o.id) < ($3, $4) ORDER BY o.placed_at DESC, o.id DESC LIMIT $2"

_LOCK = """
SELECT id, version, customer_id, placed_at, currency, amount_minor, returned_total_minor, lines FROM orders WHERE id = $1
FOR NO KEY UPDATE
"""
_RETURNS = "SELECT id, external_id, returned_at, amount_minor, requested, lines, created_at FROM order_returns WHERE order_id = $1"
_ADD_RETURN = """
WITH counted AS (
    UPDATE orders SET version = $3, returned_total_minor = returned_total_minor + $6 WHERE id = $2 RETURNING returned_total_minor
), added AS (
    INSERT INTO order_returns (id, order_id, order_version, external_id, returned_at, amount_minor, requested, lines)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    RETURNING created_at
)
SELECT counted.returned_total_minor, added.created_at FROM counted, added
"""


class StoredOrder(NamedTuple):
    """An order as the tables hold it, with its returns."""

    id: str
    version: int
    external_id: str | None
    customer_id: str
    customer_external_id: str | None
    placed_at: datetime
    currency: str
    channel: str | None
    amount_minor: int
    returned_total_minor: int
    lines: list[dict[str, Any]]
    created_at: datetime
    returns: list[dict[str, Any]]


class Placed(NamedTuple):
    """What the database added to a new order."""

    customer_id: str
    created_at: datetime
    customer_external_id: str | None


class NewOrder(NamedTuple):
    """A row to be added."""

    id: str
    customer_id: str
    amount_minor: int
    draft: OrderDraft


class NewReturn(NamedTuple):
    """A row to be added, in the order of the statement's parameters."""

    id: str
    order_id: str
    order_version: int
    external_id: str | None
    returned_at: datetime
    amount_minor: int
    requested: list[dict[str, Any]] | None
    lines: list[dict[str, Any]]


async def place(connection: Connection, order_id: str, draft: OrderDraft, amount_minor: int) -> Placed | None:
    """Add an order; return None when its customer is unknown or its external id is taken."""
    statement = _PLACE_BY_EXTERNAL_ID if draft.customer_id is None else _PLACE_BY_ID
    row = await connection.fetchrow(
        statement,
        draft.customer_id or draft.customer_external_id,
        order_id,
        draft.external_id,
        draft.placed_at,
        draft.currency,
        draft.channel,
        amount_minor,
        data_of(draft),
    )
    return row and Placed(*row)


async def resolve(connection: Connection, drafts: Sequence[OrderDraft]) -> list[Record]:
    """Return for each draft the id of its customer, if there is one, and the order that has its external id, if there is one."""
    columns = zip(*((draft.external_id, draft.customer_id, draft.customer_external_id) for draft in drafts), strict=True)
    return await connection.fetch(_RESOLVE, *(list(column) for column in columns))


async def place_many(connection: Connection, orders: Sequence[NewOrder]) -> set[str]:
    """Add orders; return the ids of those whose external id was not taken meanwhile."""
    rows = [
        (
            each.id,
            each.draft.external_id,
            each.customer_id,
            each.draft.placed_at,
            each.draft.currency,
            each.draft.channel,
            each.amount_minor,
            # As text: the driver would take lists within a list for an array of two dimensions.
            orjson.dumps(data_of(each.draft)).decode(),
        )
        for each in orders
    ]
    added = await connection.fetch(_PLACE_MANY, *(list(column) for column in zip(*rows, strict=True)))
    return {row[0] for row in added}


async def get(connection: Connection, order_id: str) -> StoredOrder | None:
    """Return an order."""
    row = await connection.fetchrow(_GET, order_id)
    return row and StoredOrder(*row)


async def get_by_external_id(connection: Connection, external_id: str) -> StoredOrder | None:
    """Return the order with an external id."""
    row = await connection.fetchrow(_GET_BY_EXTERNAL_ID, external_id)
    return row and StoredOrder(*row)


async def page(connection: Connection, customer_id: str, after: tuple[Any, ...] | None, limit: int) -> list[StoredOrder]:
    """Return a customer's orders, newest first, after a sort key (placed_at, id)."""
    if after is None:
        rows = await connection.fetch(_PAGE, customer_id, limit)
    else:
        rows = await connection.fetch(_PAGE_AFTER, customer_id, limit, *after)
    return [StoredOrder(*row) for row in rows]


async def lock(connection: Connection, order_id: str) -> Record | None:
    """Return an order whose row nobody else changes until the transaction ends."""
    return await connection.fetchrow(_LOCK, order_id)


async def returns_of(connection: Connection, order_id: str) -> list[Record]:
    """Return the returns of a locked order."""
    return await connection.fetch(_RETURNS, order_id)


async def add_return(connection: Connection, new: NewReturn) -> tuple[int, datetime]:
    """Add a return to a locked order; return the sum of all its returns and when this one was recorded."""
    row = await connection.fetchrow(_ADD_RETURN, *new)
    assert row is not None
    return row[0], row[1]
