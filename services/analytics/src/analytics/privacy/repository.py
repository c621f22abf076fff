"""Every statement that reads the purchases of customers as a whole, or makes them nobody's."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping, Sequence

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import affected

_KINDS = ("orders", "returns", "cancellations", "customer_activity", "customer_money")
_OF = {kind: f"SELECT * FROM {kind} WHERE customer_id = ANY ($1::text[])" for kind in _KINDS}
_DAY = "{0} = date_trunc('day', {0}, 'UTC')"
_MAKE_NAMELESS = {
    "orders": f"UPDATE orders SET customer_id = NULL, {_DAY.format('placed_at')} WHERE customer_id = ANY ($1::text[])",
    "returns": f"""
        UPDATE returns SET customer_id = NULL, {_DAY.format("placed_at")}, {_DAY.format("returned_at")} WHERE customer_id = ANY ($1::text[])
    """,
    "cancellations": f"UPDATE cancellations SET customer_id = NULL, {_DAY.format('cancelled_at')} WHERE customer_id = ANY ($1::text[])",
}


class PrivacyRepository:
    """The purchases of customers as a whole."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def purchases_of(self, customer_ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:
        """Return all that is kept of the purchases of these customers, by kind."""
        return {kind: await self._connection.fetch(statement, customer_ids) for kind, statement in _OF.items()}

    async def make_nameless(self, customer_ids: Sequence[str]) -> dict[str, int]:
        """Let the purchases of these customers be nobody's; return how many by kind. The caller counts the people anew."""
        return {kind: affected(await self._connection.execute(statement, customer_ids)) for kind, statement in _MAKE_NAMELESS.items()}
