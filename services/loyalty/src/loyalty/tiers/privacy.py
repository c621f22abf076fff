"""What is kept of a customer's tiers: shown to him, and deleted when he wants to be forgotten."""

from collections.abc import Mapping
from typing import Any

from shared.database.pool import Connection
from shared.database.rows import affected

_ERASE: Mapping[str, str] = {
    "tier_overrides": "DELETE FROM tier_overrides WHERE customer_id = ANY ($1)",
    "tier_standings": "DELETE FROM tier_standings WHERE customer_id = ANY ($1)",
    "tier_news": "DELETE FROM tier_news WHERE customer_id = ANY ($1)",
    "tier_changes": "DELETE FROM tier_changes WHERE customer_id = ANY ($1)",
}
_COLLECT: Mapping[str, str] = {
    "tier_standings": "SELECT programme_id, customer_id, tier, since, until FROM tier_standings WHERE customer_id = ANY ($1)",
    "tier_news": "SELECT programme_id, customer_id, moment FROM tier_news WHERE customer_id = ANY ($1)",
    "tier_changes": """
        SELECT programme_id, customer_id, tier, previous, changed_at, reason, recorded_at, superseded_at FROM tier_changes
        WHERE customer_id = ANY ($1) ORDER BY changed_at, recorded_at
    """,
    "tier_overrides": """
        SELECT programme_id, customer_id, tier, until, reason, set_at FROM tier_overrides WHERE customer_id = ANY ($1) ORDER BY set_at
    """,
}


async def erase(connection: Connection, customer_ids: list[str]) -> dict[str, int]:
    """Delete where customers stood; return how much, by kind of record."""
    counts = {name: await connection.execute(statement, customer_ids) for name, statement in _ERASE.items()}
    return {name: affected(tag) for name, tag in counts.items()}


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return where customers stood and stand, by kind of record."""
    return {name: [dict(row) for row in await connection.fetch(statement, customer_ids)] for name, statement in _COLLECT.items()}
