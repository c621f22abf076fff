"""All of CDNOW through the handlers, shuffled: the known totals, the five retention figures, and a plain recomputation."""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import httpx2
import pytest
import pytest_asyncio
from analytics_events import cdnow_orders, send_in_batches, utc
from analytics_recomputation import recomputed, stored

from analytics.app import SERVICE
from shared.clock import FrozenClock
from shared.testing.databases import TestServer, open_pool

CUSTOMERS = 23_570
ORDERS = 69_659
REVENUE_MINOR = 250_031_563


@pytest.fixture(scope="module")
def orders():
    return cdnow_orders()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def loaded(test_server: TestServer, orders):
    dsn = await test_server.dsn_of_copy(SERVICE)
    pool = await open_pool(dsn)
    try:
        # Not the order of the file: customers' first purchases move while it is loaded.
        disorder = random.Random(39).sample(orders, len(orders))
        await send_in_batches(pool, disorder)
        yield pool
    finally:
        await pool.close()
        await test_server.drop(dsn)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cdnow(loaded, settings, client_of) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(loaded, settings, FrozenClock(utc("2026-03-02"))) as client:
        yield client


async def read(client, path: str, **parameters) -> dict:
    response = await client.get(f"/v1/metrics/{path}", params=parameters)
    assert response.status_code == 200, response.text
    return response.json()


async def test_totals_are_those_of_the_file(cdnow, orders):
    answer = await read(cdnow, "orders")
    assert len(orders) == ORDERS
    assert answer["totals"]["orders"] == ORDERS
    assert answer["totals"]["customers"] == CUSTOMERS
    assert answer["totals"]["revenue_minor"] == REVENUE_MINOR
    assert answer["as_of"] == "1998-06-30T00:00:00Z"
    january = answer["months"][0]
    buyers = {order.customer_id for order in orders if order.placed_at.strftime("%Y-%m") == "1997-01"}
    assert (january["month"], january["customers"]) == ("1997-01-01", len(buyers))


@pytest.mark.parametrize(
    ("definition", "active", "percent"),
    [
        ("calendar", 3_501, "14.85"),
        ("rolling", 3_088, "13.10"),
        ("on_or_after", 10_325, "43.81"),
        ("within", 4_115, "17.46"),
        ("ever", 11_516, "48.86"),
    ],
)
async def test_month_one_retention_under_each_definition(cdnow, definition, active, percent):
    answer = await read(cdnow, "retention", definition=definition)
    row = next(row for row in answer["summary"] if row["definition"] == definition)
    assert (row["numerator"], row["denominator"]) == (active, CUSTOMERS)
    assert Decimal(str(row["percent"])) == Decimal(percent)
    pooled = next(total for total in answer["totals"] if total["k"] == 1)
    assert pooled["share"] == {"numerator": active, "denominator": CUSTOMERS, "percent": row["percent"]}
    assert answer["summary_cohorts_left_out"] == 0


async def test_the_roll_ups_equal_a_plain_recomputation(loaded, orders):
    assert await stored(loaded) == recomputed(orders)


async def test_same_day_orders_are_one_occasion_unless_orders_are_asked_for(cdnow):
    by_day = await read(cdnow, "repeat-rate")
    assert by_day["share"] == {"numerator": 11_516, "denominator": CUSTOMERS, "percent": 48.86}
    by_order = await read(cdnow, "repeat-rate", occasion="order")
    assert by_order["share"] == {"numerator": 11_662, "denominator": CUSTOMERS, "percent": 49.48}
    assert sum(one["customers"] for one in by_order["distribution"]) == CUSTOMERS
    assert by_day["definition"]["hash"] != by_order["definition"]["hash"]


async def test_rfm_scores_every_customer_by_value(cdnow, orders):
    answer = await read(cdnow, "rfm")
    assert answer["customers"] == CUSTOMERS == sum(group["customers"] for group in answer["groups"])
    assert sum(group["orders"] for group in answer["groups"]) == ORDERS
    assert sum(segment["revenue_minor"] for segment in answer["segments"]) == REVENUE_MINOR
    assert groups_of(answer) == plain_rfm(orders)
    assert answer["as_of_day"] == "1998-06-30"


async def test_rfm_as_of_an_earlier_day_counts_what_was_known_by_its_end(cdnow, orders):
    answer = await read(cdnow, "rfm", as_of="1997-09-30")
    assert groups_of(answer) == plain_rfm([order for order in orders if order.placed_at.date() <= date(1997, 9, 30)])


def groups_of(answer: dict) -> dict[tuple[int, int, int], int]:
    return {(group["recency"], group["frequency"], group["money"]): group["customers"] for group in answer["groups"]}


def plain_rfm(orders) -> dict[tuple[int, int, int], int]:
    people = defaultdict(lambda: [date.min, 0, 0])
    for order in orders:
        values = people[order.customer_id]
        values[0] = max(values[0], order.placed_at.date())
        values[1] += 1
        values[2] += order.amount_minor
    columns = [sorted(values) for values in zip(*people.values(), strict=True)]
    cuts = [[column[-(-len(column) * part // 5) - 1] for part in (1, 2, 3, 4)] for column in columns]
    return Counter(
        tuple(1 + sum(value > cut for cut in mine) for value, mine in zip(values, cuts, strict=True)) for values in people.values()
    )
