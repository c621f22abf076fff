"""F6: one customer in a hundred has orders that loyalty refuses; the others flow, and his come in order once the fault is mended."""

import time

from poison import Poison
from shop import POINTS_PER_ORDER, Shop

_CUSTOMERS = 100
_ORDERS = 400
_CONVERGE_SECONDS = 60.0

# The order in which a member's entries were written against the order in which his purchases were made.
_OUT_OF_ORDER = """
SELECT FROM (SELECT sequence, lag(sequence) OVER (PARTITION BY key ORDER BY position) AS earlier FROM event_log
             WHERE aggregatetype = 'member') AS told
WHERE sequence <= earlier
"""


def test_poison_stops_its_own_customer_only(stack, observer):
    # One order each, so that every customer is known before the fault.
    known = Shop(stack, "poison", customers=_CUSTOMERS)
    known.sell(_CUSTOMERS)
    observer.assert_nothing_lost_nothing_twice(known)
    rows = stack.query("customers", "SELECT id FROM customers WHERE external_id = 'poison-customer-7'")
    refused = rows[0]["id"]
    poison = Poison(stack)
    poison.spread([refused])

    known.sell(_ORDERS)

    waiting = _ORDERS // _CUSTOMERS
    _until_issued(observer, POINTS_PER_ORDER * (_CUSTOMERS + _ORDERS - waiting))
    with stack.client("loyalty") as client:
        assert client.get(f"/v1/members/{refused}").json()["balance"] == POINTS_PER_ORDER
        letters = client.get("/v1/operations/dead-letters").json()["data"]
    # One letter: the later orders queue behind it.
    assert len(letters) == 1

    # Nothing has been mended yet: the first of the key is refused again, the others stay behind it.
    assert poison.redrive(dry_run=False)["applied"] == 0
    poison.mend()
    assert poison.redrive(dry_run=True)["applied"] == waiting
    assert poison.redrive(dry_run=False)["applied"] == waiting
    observer.assert_nothing_lost_nothing_twice(known)
    assert stack.query("loyalty", _OUT_OF_ORDER) == []
    with stack.client("loyalty") as client:
        entries = client.get(f"/v1/members/{refused}/entries?limit=100").json()["data"]
        assert client.get("/v1/operations/dead-letters").json()["data"] == []
    placed = stack.query("customers", f"SELECT id FROM orders WHERE customer_id = '{refused}' ORDER BY id")
    recorded = sorted(entries, key=lambda entry: entry["id"])
    assert [entry["order_id"] for entry in recorded] == [row["id"] for row in placed]


def _until_issued(observer, points: int) -> None:
    deadline = time.monotonic() + _CONVERGE_SECONDS
    while observer.ledger()["points_issued"] != points:
        assert time.monotonic() < deadline, observer.ledger()
        time.sleep(0.2)
