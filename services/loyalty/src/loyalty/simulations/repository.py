"""Every query of simulations: what the ledger remembers of orders."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from loyalty.ledger.rules import Rate
from loyalty.rules.rules import Occasion
from shared.database.pool import Connection

# Of an order that earned before there were rules only its sum is remembered.
_HISTORY = """
SELECT orders.order_id, orders.customer_id, placed_at, amount_minor, facts, occasions.traits,
       customer_traits.traits AS present_traits
FROM orders LEFT JOIN occasions ON (trigger, source_id) = ('order_placed', orders.order_id)
LEFT JOIN customer_traits ON customer_traits.customer_id = orders.customer_id
WHERE programme_id = $1 AND placed_at < $2 AND cancelled_at IS NULL ORDER BY placed_at, orders.order_id
"""
_COUNT = "SELECT count(*) FROM orders WHERE programme_id = $1 AND placed_at < $2 AND cancelled_at IS NULL"
_RATES = "SELECT effective_from, numerator, denominator FROM programme_rates WHERE programme_id = $1 ORDER BY effective_from DESC"
_NO_LIMIT = "SET LOCAL statement_timeout = 0"
_PREFETCH = 2_000


class Rates(NamedTuple):
    """The rates of a programme, newest first."""

    since: list[tuple[datetime, Rate]]

    def at(self, moment: datetime) -> Rate:
        """Return the rate of a moment."""
        return next((rate for since, rate in self.since if since <= moment), Rate(0, 1))


async def rates(connection: Connection, programme_id: str) -> Rates:
    """Return the rates of a programme."""
    rows = await connection.fetch(_RATES, programme_id)
    return Rates([(row["effective_from"], Rate(row["numerator"], row["denominator"])) for row in rows])


async def count(connection: Connection, programme_id: str, until: datetime) -> int:
    """Return how many orders there are that were not cancelled."""
    return int(await connection.fetchval(_COUNT, programme_id, until) or 0)


async def history(connection: Connection, programme_id: str, until: datetime) -> AsyncIterator[Occasion]:
    """Yield the orders until a moment that were not cancelled, in the order of time, out of one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_NO_LIMIT)
        async for row in connection.cursor(_HISTORY, programme_id, until, prefetch=_PREFETCH):
            yield _order(row)


def _order(row: Mapping[str, Any]) -> Occasion:
    facts = row["facts"] or {"amount_minor": row["amount_minor"], "lines": [], "quantity": 0}
    traits = row["traits"] or row["present_traits"] or {}
    return Occasion("order_placed", row["order_id"], row["customer_id"], row["placed_at"], facts, traits)
