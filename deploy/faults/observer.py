"""What the services have applied, and the invariants that no fault may break."""

import time
from dataclasses import dataclass
from typing import Any

import httpx2

from shop import POINTS_PER_ORDER, Shop
from stack import Stack

_CONVERGE_SECONDS = 60.0
# Aggregates whose events are not numbered 1, 2, 3 … each once.
_BROKEN_SEQUENCES = """
SELECT aggregateid FROM event_log
GROUP BY aggregatetype, aggregateid HAVING count(*) <> max(sequence) OR count(DISTINCT sequence) <> count(*)
"""


@dataclass
class Observer:
    """Reads the services' own proofs.

    Attributes:
        stack: whose services.
    """

    stack: Stack

    def orders(self) -> int:
        """Return how many orders the customers service has."""
        return self.stack.query("customers", "SELECT count(*) FROM orders")[0]["count"]

    def ledger(self) -> dict[str, Any]:
        """Return loyalty's verification."""
        return self._read("loyalty", "/v1/ledger/verify")

    def history(self) -> dict[str, Any]:
        """Return the checksum of analytics' projection."""
        return self._read("analytics", "/v1/history/checksum")

    def assert_nothing_lost_nothing_twice(self, *shops: Shop) -> None:
        """Wait until all is applied, then hold every service against what was acknowledged.

        Raises:
            AssertionError: an acknowledged order is lost or was applied twice, or the ledger is wrong.
        """
        acknowledged = [order for shop in shops for order in shop.acknowledged]
        stored = {row["external_id"] for row in self.stack.query("customers", "SELECT external_id FROM orders")}
        assert set(acknowledged) <= stored
        orders = self.orders()
        points = POINTS_PER_ORDER * orders
        self._until_applied(orders, points)
        ledger = self.ledger()
        assert ledger["ok"] is True, ledger
        assert ledger["sum"] == 0
        assert ledger["points_issued"] == points
        for service in ("customers", "loyalty"):
            assert self.stack.query(service, _BROKEN_SEQUENCES) == []

    def _until_applied(self, orders: int, points: int) -> None:
        deadline = time.monotonic() + _CONVERGE_SECONDS
        while True:
            seen = (self._applied_orders(), self.ledger().get("points_issued"), self._points_in_analytics())
            if seen == (orders, points, points):
                return
            assert time.monotonic() < deadline, f"applied {seen}, expected {(orders, points, points)}"
            time.sleep(0.2)

    def _applied_orders(self) -> int:
        return self._read("analytics", "/v1/metrics/orders")["totals"]["orders"]

    def _points_in_analytics(self) -> int:
        return self._read("analytics", "/v1/metrics/points")["issued"]

    def _read(self, service: str, path: str) -> dict[str, Any]:
        with self.stack.client(service) as client:
            for _ in range(50):
                try:
                    response = client.get(path)
                    if response.status_code == 200:
                        return response.json()
                except httpx2.HTTPError:
                    pass
                time.sleep(0.2)
        raise AssertionError(f"{service} does not answer {path}:\n{self.stack.log(service)}")
