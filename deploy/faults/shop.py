"""A shop that goes on selling while the machines fail: it repeats what was not acknowledged and remembers what was."""

import threading
import time
from dataclasses import dataclass, field

import httpx2

from stack import Stack

_AMOUNT_MINOR = 1_234
# What one of its orders earns at one point a whole euro.
POINTS_PER_ORDER = 12
_GIVE_UP_SECONDS = 60.0


@dataclass
class Shop:
    """Sends orders over HTTP, each with an Idempotency-Key, until it is acknowledged.

    Attributes:
        stack: where to.
        name: prefix of its orders, so that shops of one test do not meet.
        customers: how many customers take turns.
        acknowledged: external ids of the orders that the service said it has.
        retries: calls that failed or were refused for now.
        slowest_seconds: the longest call that was acknowledged at its first try.
    """

    stack: Stack
    name: str
    customers: int = 20
    acknowledged: list[str] = field(default_factory=list)
    retries: int = 0
    slowest_seconds: float = 0.0

    def sell(self, count: int) -> None:
        """Place orders one after another; each is repeated until it is acknowledged."""
        with self.stack.client("customers", timeout_seconds=3.0) as client:
            for _ in range(count):
                self._place(client, f"{self.name}-{len(self.acknowledged)}")

    def selling(self, count: int) -> threading.Thread:
        """Start to sell in the background; join the thread."""
        thread = threading.Thread(target=self.sell, args=(count,))
        thread.start()
        return thread

    def _place(self, client: httpx2.Client, external_id: str) -> None:
        number = len(self.acknowledged)
        body = {
            "external_id": external_id,
            "customer_external_id": f"{self.name}-customer-{number % self.customers}",
            "placed_at": "2026-01-01T00:00:00Z",
            "currency": "EUR",
            "lines": [{"sku": "tea", "quantity": 1, "amount_minor": _AMOUNT_MINOR}],
        }
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while True:
            began = time.monotonic()
            try:
                response = client.post("/v1/orders", json=body, headers={"Idempotency-Key": external_id})
                if response.status_code in (200, 201):
                    self.acknowledged.append(external_id)
                    self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
                    return
                # In flight elsewhere, or a dependency is away: the same call may succeed later.
                assert response.status_code in (409, 429, 503), response.text
            except httpx2.HTTPError:
                pass
            assert time.monotonic() < deadline, f"{external_id} was not acknowledged:\n{self.stack.log('customers')}"
            self.retries += 1
            time.sleep(0.05)
