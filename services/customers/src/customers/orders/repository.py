"""Every query on orders and returns."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from asyncpg import Record

from customers.orders.schemas import OrderDraft
from shared.database.pool import Connection
from shared.database.rows import affected, transposed

_CONTENT = """placed_at, currency, channel, shop, status, amount_minor, discount_minor, shipping_minor, tax_minor, tax_included,
    total_minor, corrects, lines"""
_NEW = f"id, external_id, customer_id, {_CONTENT}"
# What is written beside an order in its own statement: its lines for finding it, and its touch for the timeline.
_ALONG = """, listed AS (
    INSERT INTO order_lines (order_id, number, sku, category, placed_at)
    SELECT placed.id, line.number, line.value ->> 'sku', line.value ->> 'category', placed.placed_at
    FROM placed, jsonb_array_elements(placed.lines) WITH ORDINALITY AS line (value, number)
), touched AS (
    INSERT INTO touches (id, customer_id, kind, channel, journey_stage, occurred_at, source_id, summary)
    SELECT 'tch_' || substr(id, 5), customer_id, 'order', channel, 'purchase', placed_at, id,
           jsonb_build_object('amount_minor', amount_minor, 'currency', currency, 'articles', jsonb_array_length(lines))
    FROM placed
)"""
_PLACED = f""", placed AS (
    INSERT INTO orders ({_NEW})
    SELECT $2, $3, customer.id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 FROM customer
    ON CONFLICT (external_id) DO NOTHING
    RETURNING id, customer_id, placed_at, currency, channel, amount_minor, lines, created_at
){_ALONG}
SELECT placed.customer_id, placed.created_at, customer.external_id AS customer_external_id FROM placed, customer
"""
# Locked as the foreign key would lock him a moment later, so that nothing is placed for a customer who is being erased.
_CUSTOMER = "SELECT id, external_id FROM customers WHERE {} = $1 AND root_id IS NOT NULL FOR KEY SHARE"
_PLACE_BY_ID = f"WITH customer AS ({_CUSTOMER.format('id')})" + _PLACED
_PLACE_BY_EXTERNAL_ID = f"WITH customer AS ({_CUSTOMER.format('external_id')})" + _PLACED

_RESOLVE = """
SELECT coalesce(c.id, e.id) AS known_customer_id, o.id, o.customer_id, o.placed_at, o.currency, o.channel, o.shop,
       o.shipping_minor, o.tax_minor, o.tax_included, o.lines
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS t (external_id, customer_id, customer_external_id, place)
LEFT JOIN customers AS c ON c.id = t.customer_id AND c.root_id IS NOT NULL
LEFT JOIN customers AS e ON e.external_id = t.customer_external_id
LEFT JOIN orders AS o ON o.external_id = t.external_id
ORDER BY t.place
"""
# In the order of the external ids, so that two batches never wait for each other in a circle.
_PLACE_MANY = f"""
WITH placed AS (
    INSERT INTO orders ({_NEW})
    SELECT t.id, t.external_id, t.customer_id, t.placed_at, t.currency, t.channel, t.shop, t.status, t.amount_minor, t.discount_minor,
           t.shipping_minor, t.tax_minor, t.tax_included, t.total_minor, t.corrects, t.lines::jsonb
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
        $10::bigint[], $11::bigint[], $12::bigint[], $13::boolean[], $14::bigint[], $15::text[], $16::text[]) AS t ({_NEW})
    JOIN customers AS c ON c.id = t.customer_id AND c.root_id IS NOT NULL
    ORDER BY t.external_id
    FOR KEY SHARE OF c
    ON CONFLICT (external_id) DO NOTHING
    RETURNING id, customer_id, placed_at, currency, channel, amount_minor, lines
){_ALONG}
SELECT id FROM placed
"""

_COLUMNS = """o.id, o.version, o.external_id, o.customer_id, c.external_id AS customer_external_id, o.placed_at, o.currency,
       o.channel, o.shop, o.status, o.history, o.amount_minor, o.discount_minor, o.shipping_minor, o.tax_minor, o.tax_included,
       o.total_minor, o.returned_total_minor, o.refunded_total_minor, o.corrects, o.replaced_by, o.lines, o.created_at"""
_ALL_RETURNS = """CASE WHEN o.version = 1 THEN '[]'::jsonb ELSE (
           SELECT coalesce(jsonb_agg(to_jsonb(r) - 'requested' - 'order_version' ORDER BY r.order_version), '[]')
           FROM order_returns AS r WHERE r.order_id = o.id
       ) END AS returns"""
# An order of an erased customer is nobody's.
_FROM = "FROM orders AS o LEFT JOIN customers AS c ON c.id = o.customer_id"
ORDER = f"SELECT {_COLUMNS}, {_ALL_RETURNS} {_FROM}"
_GET = f"{ORDER} WHERE o.id = $1"
_GET_BY_EXTERNAL_ID = f"{ORDER} WHERE o.external_id = $1"

# Without the returns: those that were committed while it waited for the lock are seen by the next statement only.
_LOCK = f"SELECT {_COLUMNS}, '[]'::jsonb AS returns {_FROM} WHERE o.id = $1 FOR NO KEY UPDATE OF o"
_RETURNS = """
SELECT id, external_id, kind, reason, returned_at, amount_minor, refund_minor, requested, lines, created_at
FROM order_returns WHERE order_id = $1
"""
_ADD_RETURN = """
WITH counted AS (
    UPDATE orders SET version = $3, returned_total_minor = returned_total_minor + $6, refunded_total_minor = refunded_total_minor + $7
    WHERE id = $2 RETURNING customer_id, channel, currency, returned_total_minor
), added AS (
    INSERT INTO order_returns
        (id, order_id, order_version, external_id, returned_at, amount_minor, refund_minor, requested, lines, kind, reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    RETURNING created_at
), touched AS (
    INSERT INTO touches (id, customer_id, kind, channel, journey_stage, occurred_at, source_id, summary)
    SELECT 'tch_' || substr($1, 5), customer_id, $10, channel, 'service', $5, $1, jsonb_strip_nulls(jsonb_build_object(
               'order_id', $2::text, 'amount_minor', $6::bigint, 'refund_minor', $7::bigint, 'currency', currency, 'reason', $11::text))
    FROM counted
)
SELECT counted.returned_total_minor, added.created_at FROM counted, added
"""
_STEP = "UPDATE orders SET version = version + 1, status = $2, history = history || $3 WHERE id = $1 RETURNING version"
_CANCEL = """
WITH cancelled AS (
    UPDATE orders SET version = version + 1, status = 'cancelled', history = history || $2, replaced_by = $3
    WHERE id = $1 RETURNING version, id, customer_id, channel, amount_minor, currency, replaced_by
), touched AS (
    INSERT INTO touches (id, customer_id, kind, channel, journey_stage, occurred_at, source_id, summary)
    SELECT $4, customer_id, 'order_cancelled', channel, 'service', $5, id,
           jsonb_strip_nulls(jsonb_build_object('amount_minor', amount_minor, 'currency', currency, 'replaced_by', replaced_by))
    FROM cancelled
)
SELECT version FROM cancelled
"""


_THEIR_ORDERS = "(SELECT id FROM orders WHERE customer_id = ANY($1::text[]))"
_DAY = "{0} = date_trunc('day', {0}, 'UTC')"
# What was bought stays in the books by the day, without whose it was: no customer, no ids of the caller, no hour. Orders go last.
_MAKE_NAMELESS = {
    "order_returns": f"""
        UPDATE order_returns SET external_id = NULL, requested = NULL, {_DAY.format("returned_at")}, {_DAY.format("created_at")}
        WHERE order_id IN {_THEIR_ORDERS}
    """,
    "order_lines": f"UPDATE order_lines SET {_DAY.format('placed_at')} WHERE order_id IN {_THEIR_ORDERS}",
    "orders": f"""
        UPDATE orders SET customer_id = NULL, external_id = NULL, history = '[]', {_DAY.format("placed_at")}, {_DAY.format("created_at")}
        WHERE customer_id = ANY($1::text[])
    """,
}
_COLLECT = f"{ORDER} WHERE o.customer_id = ANY($1::text[]) ORDER BY o.placed_at, o.id"


class StoredOrder(NamedTuple):
    """An order as the tables hold it, with its returns."""

    id: str
    version: int
    external_id: str | None
    customer_id: str | None
    customer_external_id: str | None
    placed_at: datetime
    currency: str
    channel: str | None
    shop: str | None
    status: str
    history: list[dict[str, Any]]
    amount_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    tax_included: bool
    total_minor: int
    returned_total_minor: int
    refunded_total_minor: int
    corrects: str | None
    replaced_by: str | None
    lines: list[dict[str, Any]]
    created_at: datetime
    returns: list[dict[str, Any]]

    @property
    def owner(self) -> str:
        """The customer, of an order that still has one."""
        assert self.customer_id is not None
        return self.customer_id


class Placed(NamedTuple):
    """What the database added to a new order."""

    customer_id: str
    created_at: datetime
    customer_external_id: str | None


class NewOrder(NamedTuple):
    """A row to be added, in the order of the statements' parameters; `customer_id` may be an external id where it is said."""

    id: str
    external_id: str | None
    customer_id: str
    placed_at: datetime
    currency: str
    channel: str | None
    shop: str | None
    status: str
    amount_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    tax_included: bool
    total_minor: int
    corrects: str | None
    lines: list[dict[str, Any]]


class NewReturn(NamedTuple):
    """A row to be added, in the order of the statement's parameters."""

    id: str
    order_id: str
    order_version: int
    external_id: str | None
    returned_at: datetime
    amount_minor: int
    refund_minor: int
    requested: list[dict[str, Any]] | dict[str, Any] | None
    lines: list[dict[str, Any]]
    kind: str = "return"
    reason: str | None = None


async def place(connection: Connection, order: NewOrder, *, by_external_id: bool) -> Placed | None:
    """Add an order; return None when its customer is unknown or its external id is taken.

    Args:
        connection: to write with.
        order: its `customer_id` names the customer.
        by_external_id: whether by the caller's own identifier.
    """
    statement = _PLACE_BY_EXTERNAL_ID if by_external_id else _PLACE_BY_ID
    row = await connection.fetchrow(statement, order.customer_id, order.id, order.external_id, *order[3:])
    return row and Placed(*row)


async def resolve(connection: Connection, drafts: Sequence[OrderDraft]) -> list[Record]:
    """Return for each draft the id of its customer, if there is one, and the order that has its external id, if there is one."""
    columns = zip(*((draft.external_id, draft.customer_id, draft.customer_external_id) for draft in drafts), strict=True)
    return await connection.fetch(_RESOLVE, *(list(column) for column in columns))


async def place_many(connection: Connection, orders: Sequence[NewOrder]) -> set[str]:
    """Add orders; return the ids of those whose external id was not taken meanwhile."""
    # Lines as text: the driver would take lists within a list for an array of two dimensions.
    rows = [(*each[:-1], orjson.dumps(each.lines).decode()) for each in orders]
    added = await connection.fetch(_PLACE_MANY, *transposed(rows))
    return {row[0] for row in added}


async def get(connection: Connection, order_id: str) -> StoredOrder | None:
    """Return an order."""
    row = await connection.fetchrow(_GET, order_id)
    return row and StoredOrder(*row)


async def get_by_external_id(connection: Connection, external_id: str) -> StoredOrder | None:
    """Return the order with an external id."""
    row = await connection.fetchrow(_GET_BY_EXTERNAL_ID, external_id)
    return row and StoredOrder(*row)


async def lock(connection: Connection, order_id: str) -> StoredOrder | None:
    """Return an order whose row nobody else changes until the transaction ends; without its returns, see `returns_of`."""
    row = await connection.fetchrow(_LOCK, order_id)
    return row and StoredOrder(*row)


async def returns_of(connection: Connection, order_id: str) -> list[Record]:
    """Return the returns of a locked order."""
    return await connection.fetch(_RETURNS, order_id)


async def add_return(connection: Connection, new: NewReturn) -> tuple[int, datetime]:
    """Add a return to a locked order; return the sum of all its returns and when this one was recorded."""
    row = await connection.fetchrow(_ADD_RETURN, *new)
    assert row is not None
    return row[0], row[1]


async def step(connection: Connection, order_id: str, status: str, steps: list[dict[str, Any]]) -> int:
    """Set the status of a locked order and add to its history; return its version."""
    version = await connection.fetchval(_STEP, order_id, status, steps)
    assert version is not None
    return version


async def cancel(
    connection: Connection, order_id: str, steps: list[dict[str, Any]], replaced_by: str | None, touch_id: str, cancelled_at: datetime
) -> int:
    """Cancel a locked order; return its version."""
    version = await connection.fetchval(_CANCEL, order_id, steps, replaced_by, touch_id, cancelled_at)
    assert version is not None
    return version


async def make_nameless(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Let the orders of records, with all that belongs to them, be nobody's; return how many rows of each kind."""
    return {name: affected(await connection.execute(statement, ids)) for name, statement in _MAKE_NAMELESS.items()}


async def collect(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return every order of records with its returns, oldest first."""
    return await connection.fetch(_COLLECT, ids)
