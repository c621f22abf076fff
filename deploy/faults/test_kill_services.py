"""F1: a process is killed at each named point; no acknowledged write is lost and no effect happens twice."""

import pytest

from shared.messaging.failpoints import FAILPOINTS
from shop import Shop

_ORDERS = 25


def points_of(service: str) -> list[str]:
    """Return the failpoints that a service passes while orders come in: all do relay, only listeners consume, only customers is called."""
    skipped = {
        "customers": ("consumer.", "redrive."),
        "loyalty": ("request.", "redrive."),
        "analytics": ("request.", "relay.", "redrive."),
    }[service]
    return [name for name in FAILPOINTS if not name.startswith(skipped)]


@pytest.mark.parametrize(
    ("service", "failpoint"), [(service, name) for service in ("customers", "loyalty", "analytics") for name in points_of(service)]
)
def test_killed_at(stack, observer, service, failpoint):
    stack.kill(service)
    # Customers commits at its start-up, too, and the fault is wanted under load.
    passage = 3 if service == "customers" and failpoint.startswith("unit_of_work.") else 1
    stack.start_service(service, wait=False, failpoint=f"{failpoint}:kill:{passage}")
    shop = Shop(stack, f"{service}-{failpoint}")
    selling = shop.selling(_ORDERS)
    stack.wait_until_dead(service)
    stack.start_service(service)
    selling.join()
    assert len(shop.acknowledged) == _ORDERS
    observer.assert_nothing_lost_nothing_twice(shop)
