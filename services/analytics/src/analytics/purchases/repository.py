"""Every statement that adds and cancels orders, adds returns, and keeps their roll-ups."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from analytics.purchases.rules import Activity, Cell
from shared.database.pool import Connection
from shared.database.rows import transposed

# What an erased customer bought stays sold: his orders are nobody's, by the day, and count by month and for no person.
_WHOSE = """
    SELECT CASE WHEN EXISTS (SELECT FROM erased_customers AS e WHERE e.customer_id = told.customer_id FOR KEY SHARE)
                THEN NULL ELSE told.customer_id END AS customer_id
"""


def _day_if_nameless(column: str) -> str:
    return f"CASE WHEN whose.customer_id IS NULL THEN date_trunc('day', {column}, 'UTC') ELSE {column} END AS {column}"


# Lines travel as JSON text: a list in a jsonb[] would be taken for a second dimension.
# `orders` in the EXISTS is the table before this statement, so a day is known only by an order of an earlier batch. The history vouches
# for the moment of every order that it was told of, even of one that does not count.
_ADD_ORDERS = f"""
WITH told AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
                         $9::text[])
        AS t (order_id, customer_id, placed_at, currency, amount_minor, channel, shop, corrects, lines)
), batch AS MATERIALIZED (
    SELECT order_id, whose.customer_id, {_day_if_nameless("placed_at")}, currency, amount_minor, channel, shop, corrects, lines
    FROM told, LATERAL ({_WHOSE}) AS whose
), noted AS (
    UPDATE projection SET latest_order_at = greatest(latest_order_at, latest.placed_at)
    FROM (SELECT max(placed_at) AS placed_at FROM told) AS latest
    WHERE latest_order_at IS NULL OR latest_order_at < latest.placed_at
), added AS (
    INSERT INTO orders (order_id, customer_id, placed_at, currency, amount_minor, channel, shop, corrects, lines, is_cancelled)
    SELECT order_id, customer_id, placed_at, currency, amount_minor, channel, shop, corrects, lines::jsonb,
           EXISTS (SELECT FROM cancellations AS c WHERE c.order_id = batch.order_id)
    FROM batch
    ON CONFLICT (order_id) DO NOTHING
    RETURNING customer_id, placed_at, currency, amount_minor, is_cancelled
), counted AS (
    SELECT coalesce(l.root_id, added.customer_id) AS customer_id, placed_at, currency, amount_minor
    FROM added LEFT JOIN customer_links AS l USING (customer_id) WHERE NOT is_cancelled
)
SELECT counted.customer_id, counted.placed_at, counted.currency, counted.amount_minor,
       EXISTS (SELECT FROM orders AS earlier WHERE earlier.customer_id = counted.customer_id AND NOT earlier.is_cancelled
                   AND earlier.placed_at >= date_trunc('day', counted.placed_at, 'UTC')
                   AND earlier.placed_at < date_trunc('day', counted.placed_at, 'UTC') + interval '24 hours') AS day_known,
       EXISTS (SELECT FROM customer_links AS m WHERE m.root_id = counted.customer_id AND m.root_id <> m.customer_id) AS has_family,
       a.first_at, a.last_at, a.came_back_at, a.orders, a.days, a.months, a.periods
FROM counted LEFT JOIN customer_activity AS a USING (customer_id)
"""  # noqa: S608 - made of constants

# An order and its returns leave the month in which it was placed; of their people all is counted anew.
_CANCEL_ORDERS = f"""
WITH told AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
        AS t (order_id, customer_id, cancelled_at, reason, replaced_by)
), added AS (
    INSERT INTO cancellations (order_id, customer_id, cancelled_at, reason, replaced_by)
    SELECT order_id, whose.customer_id, {_day_if_nameless("cancelled_at")}, reason, replaced_by FROM told, LATERAL ({_WHOSE}) AS whose
    ON CONFLICT (order_id) DO NOTHING
    RETURNING order_id
), cancelled_orders AS (
    UPDATE orders SET is_cancelled = true FROM added WHERE orders.order_id = added.order_id AND NOT is_cancelled
    RETURNING customer_id, placed_at, currency, amount_minor
), cancelled_returns AS (
    UPDATE returns SET is_cancelled = true FROM added WHERE returns.order_id = added.order_id AND NOT is_cancelled
    RETURNING customer_id, placed_at, currency, amount_minor
), by_month AS (
    UPDATE order_months AS m SET orders = m.orders - gone.orders, gross_minor = m.gross_minor - gone.gross_minor,
        returned_minor = m.returned_minor - gone.returned_minor
    FROM (SELECT date_trunc('month', placed_at, 'UTC')::date AS month, currency, sum(orders) AS orders, sum(gross_minor) AS gross_minor,
                 sum(returned_minor) AS returned_minor
          FROM (SELECT placed_at, currency, 1 AS orders, amount_minor AS gross_minor, 0 AS returned_minor FROM cancelled_orders
                UNION ALL SELECT placed_at, currency, 0, 0, amount_minor FROM cancelled_returns) AS each GROUP BY 1, 2) AS gone
    WHERE m.month = gone.month AND m.currency = gone.currency
), noted AS (
    UPDATE projection SET version = version + 1 WHERE EXISTS (SELECT FROM added)
)
SELECT DISTINCT coalesce(l.root_id, c.customer_id) AS root_id
FROM (SELECT customer_id FROM cancelled_orders UNION SELECT customer_id FROM cancelled_returns) AS c
LEFT JOIN customer_links AS l USING (customer_id) WHERE customer_id IS NOT NULL
"""  # noqa: S608 - made of constants

_STATES_OF = """
SELECT customer_id, first_at, last_at, came_back_at, orders, days, months, periods FROM customer_activity
WHERE customer_id = ANY ($1::text[])
"""
_FORGET_STATES = "DELETE FROM customer_activity WHERE customer_id = ANY ($1::text[])"

# Sets of numbers travel as array literals: unnest would flatten an array of arrays. An upsert would test the check of the cells on
# the difference, which can be negative; a merge does not, and the advisory lock keeps others from adding the same cell meanwhile.
_PUT_ACTIVITY = """
WITH states AS (
    INSERT INTO customer_activity AS a (customer_id, first_at, last_at, came_back_at, orders, days, months, periods)
    SELECT customer_id, first_at, last_at, came_back_at, orders, days, months::integer[], periods::integer[]
    FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::integer[], $7::text[], $8::text[])
        AS t (customer_id, first_at, last_at, came_back_at, orders, days, months, periods)
    ON CONFLICT (customer_id) DO UPDATE SET
        first_at = excluded.first_at, last_at = excluded.last_at, came_back_at = excluded.came_back_at,
        orders = excluded.orders, days = excluded.days, months = excluded.months, periods = excluded.periods
)
MERGE INTO activity_cells AS c
USING (SELECT * FROM unnest($9::date[], $10::text[], $11::integer[], $12::bigint[]) AS t (cohort, measure, k, change)) AS d
ON c.cohort = d.cohort AND c.measure = d.measure AND c.k = d.k
WHEN MATCHED THEN UPDATE SET customers = c.customers + d.change
WHEN NOT MATCHED THEN INSERT (cohort, measure, k, customers) VALUES (d.cohort, d.measure, d.k, d.change)
"""

_ADD_MONEY = """
WITH batch AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[]) AS t (customer_id, currency, placed_at, amount_minor)
), by_customer AS (
    INSERT INTO customer_money AS m (customer_id, currency, orders, last_at, gross_minor, returned_minor)
    SELECT customer_id, currency, count(*), max(placed_at), sum(amount_minor), 0 FROM batch
    WHERE customer_id IS NOT NULL GROUP BY customer_id, currency
    ON CONFLICT (customer_id, currency) DO UPDATE SET
        orders = m.orders + excluded.orders, last_at = greatest(m.last_at, excluded.last_at),
        gross_minor = m.gross_minor + excluded.gross_minor
), by_month AS (
    INSERT INTO order_months AS m (month, currency, orders, gross_minor, returned_minor)
    SELECT date_trunc('month', placed_at, 'UTC')::date, currency, count(*), sum(amount_minor), 0 FROM batch GROUP BY 1, 2
    ON CONFLICT (month, currency) DO UPDATE SET orders = m.orders + excluded.orders, gross_minor = m.gross_minor + excluded.gross_minor
)
UPDATE projection SET version = version + 1
"""

_ADD_RETURNS = f"""
WITH told AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::bigint[], $8::text[])
        AS t (return_id, order_id, customer_id, placed_at, returned_at, currency, amount_minor, lines)
), added AS (
    INSERT INTO returns (return_id, order_id, customer_id, placed_at, returned_at, currency, amount_minor, lines, is_cancelled)
    SELECT return_id, order_id, whose.customer_id, {_day_if_nameless("placed_at")}, {_day_if_nameless("returned_at")}, currency,
           amount_minor, lines::jsonb, EXISTS (SELECT FROM cancellations AS c WHERE c.order_id = told.order_id)
    FROM told, LATERAL ({_WHOSE}) AS whose
    ON CONFLICT (return_id) DO NOTHING
    RETURNING customer_id, placed_at, currency, amount_minor, is_cancelled
), counted AS (
    SELECT coalesce(l.root_id, added.customer_id) AS customer_id, placed_at, currency, amount_minor
    FROM added LEFT JOIN customer_links AS l USING (customer_id) WHERE NOT is_cancelled
), by_customer AS (
    INSERT INTO customer_money AS m (customer_id, currency, orders, last_at, gross_minor, returned_minor)
    SELECT customer_id, currency, 0, NULL, 0, sum(amount_minor) FROM counted
    WHERE customer_id IS NOT NULL GROUP BY customer_id, currency
    ON CONFLICT (customer_id, currency) DO UPDATE SET returned_minor = m.returned_minor + excluded.returned_minor
), by_month AS (
    INSERT INTO order_months AS m (month, currency, orders, gross_minor, returned_minor)
    SELECT date_trunc('month', placed_at, 'UTC')::date, currency, 0, 0, sum(amount_minor) FROM counted GROUP BY 1, 2
    ON CONFLICT (month, currency) DO UPDATE SET returned_minor = m.returned_minor + excluded.returned_minor
)
UPDATE projection SET version = version + 1 WHERE EXISTS (SELECT FROM counted)
"""  # noqa: S608 - made of constants


class OrderFact(NamedTuple):
    """An order as its event told of it; its lines are JSON."""

    order_id: str
    customer_id: str
    placed_at: datetime
    currency: str
    amount_minor: int
    channel: str | None
    shop: str | None
    corrects: str | None
    lines: str


class CancellationFact(NamedTuple):
    """A cancelled order as its event told of it."""

    order_id: str
    customer_id: str
    cancelled_at: datetime
    reason: str
    replaced_by: str | None


class ReturnFact(NamedTuple):
    """A return as its event told of it; its lines are JSON."""

    return_id: str
    order_id: str
    customer_id: str
    placed_at: datetime
    returned_at: datetime
    currency: str
    amount_minor: int
    lines: str


class AddedOrder(NamedTuple):
    """An order that was not known before and counts.

    Attributes:
        customer_id: the root of the customer who placed it; None once he was erased.
        day_known: whether the root himself had an order on its day before this batch.
        has_family: whether others belong to the root.
    """

    customer_id: str | None
    placed_at: datetime
    currency: str
    amount_minor: int
    day_known: bool
    has_family: bool


class PurchasesRepository:
    """Orders, returns, and what is counted from them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_orders(self, facts: Sequence[OrderFact]) -> tuple[list[AddedOrder], dict[str, Activity]]:
        """Store orders; return those that are new and count, and the states so far of their people."""
        rows = await self._connection.fetch(_ADD_ORDERS, *transposed(facts))
        states = {row["customer_id"]: _activity(row) for row in rows if row["first_at"] is not None}
        return [AddedOrder(*row[:6]) for row in rows], states

    async def cancel_orders(self, facts: Sequence[CancellationFact]) -> list[str]:
        """Let orders and their returns count no more; return the roots of the people who must be counted anew."""
        return [row["root_id"] for row in await self._connection.fetch(_CANCEL_ORDERS, *transposed(facts))]

    async def states_of(self, root_ids: Sequence[str]) -> dict[str, Activity]:
        """Return the states of those who have ordered."""
        return {row["customer_id"]: _activity(row) for row in await self._connection.fetch(_STATES_OF, root_ids)}

    async def forget_states(self, root_ids: Iterable[str]) -> None:
        """Delete the states of people who have no orders any more; what they added to the cells is for `put_activity`."""
        gone = list(root_ids)
        if gone:
            await self._connection.execute(_FORGET_STATES, gone)

    async def put_activity(self, states: Mapping[str, Activity], differences: Mapping[Cell, int]) -> None:
        """Store the people's states and add the differences to the cells."""
        people = [
            (id_, a.first_at, a.last_at, a.came_back_at, a.orders, a.days, _literal(a.months), _literal(a.periods))
            for id_, a in states.items()
        ]
        cells = [(cell.cohort, cell.measure.value, cell.k, by) for cell, by in differences.items()]
        await self._connection.execute(_PUT_ACTIVITY, *transposed(people, 8), *transposed(cells, 4))

    async def add_money(self, orders: Sequence[AddedOrder]) -> None:
        """Add new orders to their customers' and months' sums."""
        columns = transposed([(order.customer_id, order.currency, order.placed_at, order.amount_minor) for order in orders])
        await self._connection.execute(_ADD_MONEY, *columns)

    async def add_returns(self, facts: Sequence[ReturnFact]) -> None:
        """Store returns and take those that are new from their customers' and months' sums."""
        await self._connection.execute(_ADD_RETURNS, *transposed(facts))


def _activity(row: Mapping[str, Any]) -> Activity:
    return Activity(
        first_at=row["first_at"],
        last_at=row["last_at"],
        came_back_at=row["came_back_at"],
        orders=row["orders"],
        days=row["days"],
        months=frozenset(row["months"]),
        periods=frozenset(row["periods"]),
    )


def _literal(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, sorted(numbers))) + "}"
