"""Every query of simulations: what the ledger remembers of orders."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from loyalty.earning.rules import calendar
from loyalty.ledger.rules import Rate
from loyalty.programmes.rules import Programme
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rules.rules import Occasion
from shared.database.pool import Connection

# Of an order that earned before there were rules only its sum is remembered. It was seen by its programme, or at least by another.
# What the rules saw of the customer was kept with the order; else the segments are those that he belonged to when he placed it.
_HISTORY = """
SELECT orders.order_id, orders.customer_id, placed_at, amount_minor, facts, occasions.traits,
       CASE WHEN occasions.traits IS NULL THEN
           coalesce(customer_traits.traits, '{}') || jsonb_build_object('segments', segments)
       END AS known_traits
FROM orders LEFT JOIN LATERAL (
    SELECT facts, traits FROM occasions WHERE (trigger, source_id) = ('order_placed', orders.order_id) AND facts <> '{}'
    ORDER BY programme_id = $1 DESC, programme_id LIMIT 1
) AS occasions ON true
LEFT JOIN customer_traits ON customer_traits.customer_id = orders.customer_id
LEFT JOIN LATERAL segments_of(orders.customer_id, placed_at) ON occasions.traits IS NULL
WHERE placed_at < $2 AND cancelled_at IS NULL ORDER BY placed_at, orders.order_id
"""
_COUNT = "SELECT count(*) FROM orders WHERE placed_at < $1 AND cancelled_at IS NULL"
_RATES = "SELECT effective_from, numerator, denominator FROM programme_rates WHERE programme_id = $1 ORDER BY effective_from DESC"
_NO_LIMIT = "SET LOCAL statement_timeout = 0"
_PREFETCH = 2_000


class Rates(NamedTuple):
    """The rates of the default programme, newest first."""

    since: list[tuple[datetime, Rate]]

    def at(self, moment: datetime) -> Rate:
        """Return the rate of a moment."""
        return next((rate for since, rate in self.since if since <= moment), Rate(0, 1))


async def rates(connection: Connection) -> Rates:
    """Return the rates by which the ledger gives points for orders."""
    rows = await connection.fetch(_RATES, PROGRAMME_ID)
    return Rates([(row["effective_from"], Rate(row["numerator"], row["denominator"])) for row in rows])


async def count(connection: Connection, until: datetime) -> int:
    """Return how many orders there are that were not cancelled."""
    return int(await connection.fetchval(_COUNT, until) or 0)


async def history(connection: Connection, programme: Programme, until: datetime) -> AsyncIterator[Occasion]:
    """Yield the orders until a moment that were not cancelled, as a programme sees them, in the order of time, out of one snapshot."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_NO_LIMIT)
        async for row in connection.cursor(_HISTORY, programme.id, until, prefetch=_PREFETCH):
            yield _order(row, programme.zone)


def _order(row: Mapping[str, Any], zone: ZoneInfo) -> Occasion:
    facts = row["facts"] or {"amount_minor": row["amount_minor"], "lines": [], "quantity": 0}
    facts |= calendar(row["placed_at"], zone)
    traits = row["known_traits"] if row["traits"] is None else row["traits"]
    return Occasion("order_placed", row["order_id"], row["customer_id"], row["placed_at"], facts, traits)
