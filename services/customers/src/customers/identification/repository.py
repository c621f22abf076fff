"""The lock that makes of two first sights of one identifier one customer."""

from collections.abc import Sequence

from customers.identities.rules import Identity
from shared.database.pool import Connection

# In one order, so that nobody waits for each other in a circle. A statement of its own: the ones after it see what the other committed.
_LOCK = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended('identity:' || current_schema() || ':' || kind || ':' || value, 0) AS key
    FROM unnest($1::text[], $2::text[]) AS t (kind, value) ORDER BY 1
) AS keys
"""


async def lock(connection: Connection, identities: Sequence[Identity]) -> None:
    """Let nobody else identify somebody by one of these until the transaction ends."""
    await connection.execute(_LOCK, [each.kind for each in identities], [each.value for each in identities])
