"""Every query that makes a member nameless, or shows him all that is kept of him."""

from collections.abc import Mapping, Sequence
from typing import Any

from loyalty.ledger.posting import Line
from shared.database.pool import Connection
from shared.database.rows import affected

_CLOSE = "SELECT * FROM close_members($1, NULL)"
# What a giver wrote stands on both sides of a transfer.
_BLANK_NOTES = """
UPDATE entry_notes SET reason = NULL, reference = NULL
WHERE (reason IS NOT NULL OR reference IS NOT NULL) AND entry_id IN (
    SELECT id FROM entries WHERE customer_id = ANY ($1)
    UNION ALL
    SELECT other.id FROM entries JOIN entries AS other ON other.source_id = entries.source_id
    WHERE entries.customer_id = ANY ($1) AND entries.kind IN ('transfer_in', 'transfer_out')
)
"""
_BLANK_ADJUSTMENTS = "UPDATE adjustments SET reason = NULL WHERE customer_id = ANY ($1) AND reason IS NOT NULL"
_BLANK_HOLDS = "UPDATE holds SET reference = NULL WHERE customer_id = ANY ($1) AND reference IS NOT NULL"

_COLLECT: Mapping[str, str] = {
    "members": "SELECT customer_id, enrolled_at, recorded_at, closed_at FROM members WHERE customer_id = ANY ($1)",
    "entries": """
        SELECT entries.id, customer_id, kind, source_id, order_id, points, rule_version, explanation, occurred_at, recorded_at,
               reason, reference
        FROM entries LEFT JOIN entry_notes ON entry_id = entries.id WHERE customer_id = ANY ($1) ORDER BY occurred_at, entries.id
    """,
    "lots": """
        SELECT lots.id, accounts.customer_id, wallet, granted, remaining, earned_at, nullif(available_from, '-infinity') AS available_from,
               nullif(expires_at, 'infinity') AS expires_at
        FROM accounts JOIN lots ON account_id = accounts.id WHERE customer_id = ANY ($1) AND NOT is_overdraft ORDER BY earned_at, lots.id
    """,
    "holds": """
        SELECT id, customer_id, wallet, points, captured, reference, created_at, expires_at, state, closed_at FROM holds
        WHERE customer_id = ANY ($1) ORDER BY created_at, id
    """,
    "adjustments": """
        SELECT id, customer_id, wallet, points, reason, state, requested_at, decided_at FROM adjustments
        WHERE customer_id = ANY ($1) ORDER BY requested_at, id
    """,
    "orders": """
        SELECT order_id, customer_id, placed_at, amount_minor, returned_minor, cancelled_at FROM orders
        WHERE customer_id = ANY ($1) ORDER BY placed_at, order_id
    """,
    "households": """
        SELECT household_id, customer_id, joined_at, left_at FROM household_members WHERE customer_id = ANY ($1) ORDER BY joined_at
    """,
}


async def close(connection: Connection, customer_ids: Sequence[str]) -> list[Line]:
    """End memberships and return the entries that this made."""
    return [
        Line(r["kind"], r["entry_id"], r["customer_id"], r["wallet"], r["points"], None, "", None, r["occurred_at"], r["sequence"])
        for r in await connection.fetch(_CLOSE, customer_ids)
    ]


async def blank(connection: Connection, customer_ids: Sequence[str]) -> dict[str, int]:
    """Delete all that people wrote about members, and return how many texts there were, by kind of record."""
    statements = {"entry_notes": _BLANK_NOTES, "adjustments": _BLANK_ADJUSTMENTS, "holds": _BLANK_HOLDS}
    return {name: _count(await connection.execute(statement, customer_ids)) for name, statement in statements.items()}


async def collect(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return all that is kept of members, by kind of record."""
    return {name: [dict(row) for row in await connection.fetch(statement, customer_ids)] for name, statement in _COLLECT.items()}


def _count(tag: str) -> int:
    return affected(tag)
