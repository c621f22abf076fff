"""Every query on what customers bought: orders that stand, less what came back of them."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Sequence
from typing import Literal

from asyncpg import Record

from shared.database.pool import Connection

Sort = Literal["frequency", "recent"]

_STANDING = "orders WHERE customer_id = ANY($1::text[]) AND status <> 'cancelled'"
_BY_CURRENCY = f"""
SELECT currency, count(*) AS orders, sum(amount_minor)::bigint AS goods_minor, sum(returned_total_minor)::bigint AS returned_minor,
       sum(amount_minor - returned_total_minor)::bigint AS net_minor, sum(total_minor - refunded_total_minor)::bigint AS paid_minor
FROM {_STANDING} GROUP BY currency ORDER BY count(*) DESC, currency
"""
# Several orders of a day are one purchase.
_RHYTHM = f"""
WITH days AS (SELECT DISTINCT (placed_at AT TIME ZONE 'UTC')::date AS day FROM {_STANDING}),
gaps AS (SELECT day - lag(day) OVER (ORDER BY day) AS gap FROM days)
SELECT (SELECT min(placed_at) FROM {_STANDING}) AS first_at, (SELECT max(placed_at) FROM {_STANDING}) AS last_at,
       (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) FROM gaps) AS usual_interval_days,
       (SELECT count(*) FROM orders WHERE customer_id = ANY($1::text[]) AND status = 'cancelled') AS cancelled
"""
_BOUGHT = f"""
WITH standing AS (SELECT id, placed_at, currency, lines FROM {_STANDING}),
moved AS (
    SELECT o.id, o.placed_at, o.currency, line ->> 'sku' AS sku, line ->> 'category' AS category,
           (line ->> 'quantity')::bigint AS quantity, (line ->> 'amount_minor')::bigint AS amount_minor
    FROM standing AS o, jsonb_array_elements(o.lines) AS line
    UNION ALL
    SELECT o.id, o.placed_at, o.currency, line ->> 'sku', line ->> 'category',
           -(line ->> 'quantity')::bigint, -(line ->> 'amount_minor')::bigint
    FROM standing AS o JOIN order_returns AS r ON r.order_id = o.id, jsonb_array_elements(r.lines) AS line
), kept AS (
    SELECT id, placed_at, currency, sku, min(category) AS category, sum(quantity) AS quantity, sum(amount_minor) AS amount_minor
    FROM moved GROUP BY id, placed_at, currency, sku HAVING sum(quantity) > 0
), named AS (
    SELECT {{name}} AS name, * FROM kept WHERE {{name}} IS NOT NULL AND ($3::text IS NULL OR category = $3)
), days AS (
    SELECT DISTINCT name, (placed_at AT TIME ZONE 'UTC')::date AS day FROM named
), gaps AS (
    SELECT name, day - lag(day) OVER (PARTITION BY name ORDER BY day) AS gap FROM days
), rhythm AS (
    SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS usual_interval_days FROM gaps GROUP BY name
), money AS (
    SELECT name, jsonb_object_agg(currency, amount_minor) AS net_minor
    FROM (SELECT name, currency, sum(amount_minor) AS amount_minor FROM named GROUP BY name, currency) AS sums GROUP BY name
)
SELECT name, count(DISTINCT id) AS orders, sum(quantity)::bigint AS quantity,
       round(sum(quantity) / count(DISTINCT id), 2)::float AS average_quantity,
       min(placed_at) AS first_at, max(placed_at) AS last_at, usual_interval_days, net_minor,
       (array_agg(category ORDER BY placed_at DESC, id DESC))[1] AS category
FROM named JOIN rhythm USING (name) JOIN money USING (name)
GROUP BY name, usual_interval_days, net_minor
ORDER BY {{order}}, name LIMIT $2
"""
_ORDERS: dict[Sort, str] = {
    "frequency": "count(DISTINCT id) DESC, sum(quantity) DESC",
    "recent": "max(placed_at) DESC",
}
BY_CATEGORY = {sort: _BOUGHT.format(name="category", order=order) for sort, order in _ORDERS.items()}
BY_ARTICLE = {sort: _BOUGHT.format(name="sku", order=order) for sort, order in _ORDERS.items()}


async def by_currency(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return the sums of a family's orders by currency, the most used first."""
    return await connection.fetch(_BY_CURRENCY, ids)


async def rhythm(connection: Connection, ids: Sequence[str]) -> Record:
    """Return first and last purchase, the median of the days between purchases, and the number of cancelled orders."""
    row = await connection.fetchrow(_RHYTHM, ids)
    assert row is not None
    return row


async def by_category(connection: Connection, ids: Sequence[str], sort: Sort, limit: int) -> list[Record]:
    """Return what a family bought and kept, by category."""
    return await connection.fetch(BY_CATEGORY[sort], ids, limit, None)


async def by_article(connection: Connection, ids: Sequence[str], category: str | None, sort: Sort, limit: int) -> list[Record]:
    """Return what a family bought and kept, by article, of one category or of all."""
    return await connection.fetch(BY_ARTICLE[sort], ids, limit, category)
