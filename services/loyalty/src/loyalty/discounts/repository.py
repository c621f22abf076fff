"""Every query of the accumulating discount."""

from datetime import datetime
from typing import Any

from shared.database.pool import Connection

_SCALE = "SELECT discount_scale FROM programmes WHERE id = $1"
# Over the family; what was cancelled or returned until the instant counts no more from then on.
_BOUGHT = """
SELECT coalesce(sum(greatest(amount_minor - coalesce((
    SELECT sum(amount_minor) FROM order_returns WHERE order_returns.order_id = orders.order_id AND returned_at <= $3
), 0), 0)), 0)::bigint
FROM orders WHERE customer_id = ANY (family_of($1)) AND placed_at > $2 AND placed_at <= $3
  AND (cancelled_at IS NULL OR cancelled_at > $3)
"""


async def scale(connection: Connection, programme_id: str) -> dict[str, Any] | None:
    """Return the scale of a programme, or None."""
    return await connection.fetchval(_SCALE, programme_id)


async def bought(connection: Connection, customer_id: str, after: datetime, until: datetime) -> int:
    """Return for how much a member and his family bought in a window, in minor units."""
    return int(await connection.fetchval(_BOUGHT, customer_id, after, until) or 0)
