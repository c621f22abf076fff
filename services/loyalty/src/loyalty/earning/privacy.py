"""What rules looked at of a customer: shown to him, and deleted when he wants to be forgotten."""

from collections.abc import Mapping
from typing import Any

from shared.database.pool import Connection
from shared.database.rows import affected

_ERASE: Mapping[str, str] = {
    "customer_traits": "DELETE FROM customer_traits WHERE customer_id = ANY ($1)",
    "occasions": "UPDATE occasions SET facts = '{}', traits = '{}' WHERE customer_id = ANY ($1) AND facts <> '{}'",
    "occasion_returns": """
        UPDATE occasion_returns SET lines = '[]' WHERE customer_id = ANY ($1) AND lines <> '[]'
        AND order_id IN (SELECT source_id FROM occasions WHERE customer_id = ANY ($1))
    """,
}
_COLLECT: Mapping[str, str] = {
    "customer_traits": "SELECT customer_id, traits, stages, told_at FROM customer_traits WHERE customer_id = ANY ($1)",
    "occasions": """
        SELECT trigger, source_id, customer_id, occurred_at, facts, traits, rules FROM occasions
        WHERE customer_id = ANY ($1) ORDER BY occurred_at, source_id
    """,
}


async def erase(connection: Connection, customer_ids: list[str]) -> dict[str, int]:
    """Delete what rules looked at; the figures stay with the entries. Return how much, by kind of record."""
    counts = {name: await connection.execute(statement, customer_ids) for name, statement in _ERASE.items()}
    return {name: affected(tag) for name, tag in counts.items()}


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what rules looked at, by kind of record."""
    return {name: [dict(row) for row in await connection.fetch(statement, customer_ids)] for name, statement in _COLLECT.items()}
