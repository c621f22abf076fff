"""Every statement that reads or erases the purchases of customers as a whole."""

from collections.abc import Mapping, Sequence

from asyncpg import Record

from shared.database.pool import Connection

_KINDS = ("orders", "returns", "cancellations", "customer_activity", "customer_money")
_OF = {kind: f"SELECT * FROM {kind} WHERE customer_id = ANY ($1::text[])" for kind in _KINDS}  # noqa: S608 - made of constants

# Orders and returns leave the months in which the orders were placed; who was counted by them is counted anew by the caller.
_ERASE = """
WITH gone_orders AS (
    DELETE FROM orders WHERE customer_id = ANY ($1::text[]) RETURNING placed_at, currency, amount_minor, is_cancelled
), gone_returns AS (
    DELETE FROM returns WHERE customer_id = ANY ($1::text[]) RETURNING placed_at, currency, amount_minor, is_cancelled
), gone_cancellations AS (
    DELETE FROM cancellations WHERE customer_id = ANY ($1::text[]) RETURNING order_id
), by_month AS (
    UPDATE order_months AS m SET orders = m.orders - gone.orders, gross_minor = m.gross_minor - gone.gross_minor,
        returned_minor = m.returned_minor - gone.returned_minor
    FROM (SELECT date_trunc('month', placed_at, 'UTC')::date AS month, currency, sum(orders) AS orders, sum(gross_minor) AS gross_minor,
                 sum(returned_minor) AS returned_minor
          FROM (SELECT placed_at, currency, 1 AS orders, amount_minor AS gross_minor, 0 AS returned_minor
                FROM gone_orders WHERE NOT is_cancelled
                UNION ALL SELECT placed_at, currency, 0, 0, amount_minor FROM gone_returns WHERE NOT is_cancelled) AS each
          GROUP BY 1, 2) AS gone
    WHERE m.month = gone.month AND m.currency = gone.currency
)
SELECT 'orders' AS kind, count(*) AS rows FROM gone_orders UNION ALL SELECT 'returns', count(*) FROM gone_returns
UNION ALL SELECT 'cancellations', count(*) FROM gone_cancellations
"""


class PrivacyRepository:
    """The purchases of customers as a whole."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def purchases_of(self, customer_ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:
        """Return all that is kept of the purchases of these customers, by kind."""
        return {kind: await self._connection.fetch(statement, customer_ids) for kind, statement in _OF.items()}

    async def erase_purchases(self, customer_ids: Sequence[str]) -> dict[str, int]:
        """Delete the purchases of these customers, and what they added to the months; return how many by kind."""
        return {row["kind"]: row["rows"] for row in await self._connection.fetch(_ERASE, customer_ids)}
