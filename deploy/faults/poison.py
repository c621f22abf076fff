"""A handler that refuses some customers' orders until it is mended: a rule of the database that no order of theirs can keep."""

import asyncio
from collections.abc import Iterable

import asyncpg

from stack import Stack


class Poison:
    """Makes loyalty refuse the orders of some customers; others are as always.

    Args:
        stack: whose loyalty.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def spread(self, customer_ids: Iterable[str]) -> None:
        """Refuse these customers' orders from now on."""
        refused = ", ".join(f"'{customer_id}'" for customer_id in customer_ids)
        self._run(f"ALTER TABLE loyalty.orders ADD CONSTRAINT ck_orders_poison CHECK (customer_id NOT IN ({refused})) NOT VALID")

    def mend(self) -> None:
        """Refuse nobody any more."""
        self._run("ALTER TABLE loyalty.orders DROP CONSTRAINT ck_orders_poison")

    def redrive(self, *, dry_run: bool) -> dict[str, int]:
        """Try what was refused again, through the operators' interface."""
        with self._stack.client("loyalty", timeout_seconds=60) as client:
            response = client.post("/v1/operations/redrives", json={"dry_run": dry_run, "keys": 100})
        assert response.status_code == 200, response.text
        return response.json()

    def _run(self, statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self._stack.admin_dsn)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())
