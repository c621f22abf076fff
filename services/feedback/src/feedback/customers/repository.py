"""Every statement on the customers that feedback has heard of."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Record

from shared.database.pool import Connection
from shared.database.rows import transposed

_KEEP = """
INSERT INTO customers (id, kind, country, language, registered_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, country = excluded.country, language = excluded.language,
    registered_at = coalesce(excluded.registered_at, customers.registered_at)
"""
_FORGET = "WITH gone AS (DELETE FROM customers WHERE id = ANY ($1::text[]) RETURNING id) SELECT count(*) FROM gone"
_OF = "SELECT * FROM customers WHERE id = ANY ($1::text[]) ORDER BY id"
_FORGET_ALL = "DELETE FROM customers"


class KnownCustomer(NamedTuple):
    """A customer as the last event told of him.

    Attributes:
        registered_at: UTC; None when the event did not say.
    """

    id: str
    kind: str
    country: str | None
    language: str | None
    registered_at: datetime | None


class CustomerRepository:
    """The customers that feedback has heard of."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def keep(self, customers: Sequence[KnownCustomer]) -> None:
        """Store what was told; of each customer the last word counts."""
        latest = {customer.id: customer for customer in customers}
        await self._connection.execute(_KEEP, *transposed(latest.values()))

    async def of(self, customer_ids: Sequence[str]) -> Sequence[Record]:
        """Return what is known of these customers."""
        return await self._connection.fetch(_OF, customer_ids)

    async def forget(self, customer_ids: Sequence[str]) -> int:
        """Delete these customers; return how many were known."""
        return await self._connection.fetchval(_FORGET, customer_ids) or 0

    async def forget_all(self) -> None:
        """Empty the projection, so that it can be filled again."""
        await self._connection.execute(_FORGET_ALL)
