"""Every query of who belongs to which segment; `segments_of` answers it inside the statements of others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.database.pool import Connection
from shared.database.rows import affected, transposed

# Both ends of a stay may be told in one batch, and in any order: what is over stays over.
_KEEP = """
INSERT INTO segment_memberships (customer_id, segment, entered_at, left_at)
SELECT customer_id, segment, entered_at, max(left_at)
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS told (customer_id, segment, entered_at, left_at)
GROUP BY customer_id, segment, entered_at ORDER BY customer_id, segment, entered_at
ON CONFLICT (customer_id, segment, entered_at) DO UPDATE SET left_at = excluded.left_at
WHERE segment_memberships.left_at IS NULL AND excluded.left_at IS NOT NULL
"""
_ERASE = "DELETE FROM segment_memberships WHERE customer_id = ANY ($1)"
_COLLECT = """
SELECT customer_id, segment, entered_at, left_at FROM segment_memberships WHERE customer_id = ANY ($1) ORDER BY entered_at, segment
"""


class Stay(NamedTuple):
    """How long a customer belonged to a segment; until now where he has not left."""

    customer_id: str
    segment: str
    entered_at: datetime
    left_at: datetime | None


async def keep(connection: Connection, stays: Sequence[Stay]) -> None:
    """Keep stays that began or ended; what is told again changes nothing."""
    await connection.execute(_KEEP, *transposed(stays))


async def erase(connection: Connection, customer_ids: Sequence[str]) -> dict[str, int]:
    """Forget the segments of customers; return how many stays."""
    return {"segment_memberships": affected(await connection.execute(_ERASE, customer_ids))}


async def collect(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return which segments customers belonged to and when."""
    return {"segment_memberships": [dict(row) for row in await connection.fetch(_COLLECT, customer_ids)]}
