"""The purchase history: what was bought and kept, how often, and when again."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.purchases.repository import BY_ARTICLE, BY_CATEGORY
from customers.purchases.rules import next_expected_at, shown_interval

FIRST = datetime(2026, 1, 1, 9, tzinfo=UTC)


def line(sku: str, quantity: int = 1, amount: int = 100, category: str | None = "music") -> dict:
    return {"sku": sku, "quantity": quantity, "amount_minor": amount, "category": category}


@pytest.fixture
def buy(client):
    """Places an order on a day of the year."""

    async def buy(day: float, *lines: dict, customer: str = "C-1", **changes) -> dict:
        placed_at = (FIRST + timedelta(days=day)).isoformat()
        body = {"customer_external_id": customer, "placed_at": placed_at, "currency": "EUR", "lines": list(lines)}
        return (await client.post("/v1/orders", json=body | changes)).json()

    return buy


async def read(client, order: dict, what: str, **query):
    answer = await client.get(f"/v1/customers/{order['customer_id']}/purchases/{what}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@given(st.floats(0, 10_000), st.integers(0, 10**9))
def test_the_next_purchase_follows_the_last(days, seconds):
    last = datetime.fromtimestamp(seconds, UTC)
    assert next_expected_at(last, None) is shown_interval(None) is None
    assert next_expected_at(last, days) >= last
    assert abs(shown_interval(days) - days) <= 0.0051


async def test_the_summary_counts_what_stands(client, buy):
    await buy(0, line("A", 2, 200))
    order = await buy(10, line("A", 2, 200), shipping_minor=50)
    await buy(10.2, line("B"))
    await buy(30, line("B", amount=70), currency="USD")
    cancelled = await buy(40, line("C", amount=9_999))
    await client.post(f"/v1/orders/{cancelled['id']}/cancel")
    await client.post(f"/v1/orders/{order['id']}/returns", json={"lines": [{"sku": "A", "quantity": 1}], "refund_minor": 80})
    assert await read(client, order, "summary") == {
        "orders": 4,
        "cancelled": 1,
        "first_at": "2026-01-01T09:00:00Z",
        "last_at": "2026-01-31T09:00:00Z",
        "usual_interval_days": 15.0,
        "next_expected_at": "2026-02-15T09:00:00Z",
        "currencies": [
            {"currency": "EUR", "orders": 3, "goods_minor": 500, "returned_minor": 100, "net_minor": 400, "paid_minor": 470},
            {"currency": "USD", "orders": 1, "goods_minor": 70, "returned_minor": 0, "net_minor": 70, "paid_minor": 70},
        ],
    }


async def test_who_never_bought_has_an_empty_history(client):
    customer = (await client.post("/v1/customers", json={})).json()
    shown = await read(client, {"customer_id": customer["id"]}, "summary")
    assert shown == {"orders": 0, "cancelled": 0, "currencies": []} | dict.fromkeys(
        ("first_at", "last_at", "usual_interval_days", "next_expected_at")
    )
    assert await read(client, {"customer_id": customer["id"]}, "articles") == {"data": []}
    for what in ("summary", "categories", "articles"):
        answer = await client.get(f"/v1/customers/cus_unknown/purchases/{what}")
        assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


async def test_categories_and_articles_tell_how_the_customer_buys(client, buy):
    await buy(0, line("A", 1), line("A", 2), line("B", category="books"))
    await buy(7, line("A", 3))
    order = await buy(21, line("A", 1), line("C", category="music"), line("D", category=None))
    [music, books] = (await read(client, order, "categories"))["data"]
    assert music == {
        "category": "music",
        "orders": 3,
        "quantity": 8,
        "average_quantity": 2.67,
        "first_at": "2026-01-01T09:00:00Z",
        "last_at": "2026-01-22T09:00:00Z",
        "usual_interval_days": 10.5,
        "next_expected_at": "2026-02-01T21:00:00Z",
        "net_minor": {"EUR": 500},
    }
    assert (books["category"], books["orders"], books["usual_interval_days"], books["next_expected_at"]) == ("books", 1, None, None)
    articles = (await read(client, order, "articles"))["data"]
    assert [(each["sku"], each["orders"], each["quantity"], each["category"]) for each in articles] == [
        ("A", 3, 7, "music"),
        ("B", 1, 1, "books"),
        ("C", 1, 1, "music"),
        ("D", 1, 1, None),
    ]
    assert [each["sku"] for each in (await read(client, order, "articles", sort="recent", limit=2))["data"]] == ["A", "C"]
    assert [each["sku"] for each in (await read(client, order, "articles", category="books"))["data"]] == ["B"]


async def test_what_came_back_wholly_was_not_bought(client, buy):
    order = await buy(0, line("A", 2, 200), line("B"))
    await client.post(f"/v1/orders/{order['id']}/returns", json={"lines": [{"sku": "A", "quantity": 2}]})
    assert [each["sku"] for each in (await read(client, order, "articles"))["data"]] == ["B"]


async def test_a_family_buys_together(client, database, buy):
    first, second = await buy(0, line("A")), await buy(5, line("A"), customer="C-2")
    async with database.acquire() as connection:
        await connection.execute(
            "UPDATE customers SET merged_into = $1, root_id = $1 WHERE id = $2", first["customer_id"], second["customer_id"]
        )
    for either in (first, second):
        [article] = (await read(client, either, "articles"))["data"]
        assert (article["orders"], article["usual_interval_days"]) == (2, 5.0)
        assert (await read(client, either, "summary"))["orders"] == 2


@pytest.mark.parametrize("seed", range(4))
async def test_any_history_is_counted_as_by_hand(client, buy, seed):
    chance = Random(seed)
    bought = defaultdict(list)
    for _ in range(12):
        day, lines = chance.randrange(60), [line(chance.choice("ABC"), chance.randrange(1, 5)) for _ in range(chance.randrange(1, 4))]
        order = await buy(day, *lines)
        kept = defaultdict(int)
        for each in lines:
            kept[each["sku"]] += each["quantity"]
        if chance.random() < 0.5:
            sku = chance.choice(list(kept))
            back = chance.randrange(1, kept[sku] + 1)
            await client.post(f"/v1/orders/{order['id']}/returns", json={"lines": [{"sku": sku, "quantity": back}]})
            kept[sku] -= back
        for sku, quantity in kept.items():
            if quantity:
                bought[sku].append((day, quantity))
    shown = {each["sku"]: each for each in (await read(client, order, "articles"))["data"]}
    assert set(shown) == set(bought)
    for sku, purchases in bought.items():
        days = sorted({day for day, _ in purchases})
        gaps = [after - before for before, after in pairwise(days)]
        assert (shown[sku]["orders"], shown[sku]["quantity"]) == (len(purchases), sum(quantity for _, quantity in purchases))
        assert shown[sku]["usual_interval_days"] == (median(gaps) if gaps else None)


@pytest.mark.parametrize("statement", [BY_CATEGORY["frequency"], BY_ARTICLE["recent"]])
async def test_a_customers_history_reads_his_orders_only(database, statement):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, root_id) SELECT 'cus_' || n, 'individual', 'cus_' || n FROM generate_series(0, 299) AS n;
            INSERT INTO orders (id, customer_id, placed_at, currency, amount_minor, total_minor, lines)
            SELECT 'ord_' || n, 'cus_' || n % 300, now(), 'EUR', 1, 1, '[{"sku": "A", "quantity": 1, "amount_minor": 1}]'
            FROM generate_series(1, 6000) AS n;
            INSERT INTO order_returns (id, order_id, order_version, returned_at, amount_minor, refund_minor, lines)
            SELECT 'ret_' || n, 'ord_' || n, 2, now(), 0, 0, '[1]' FROM generate_series(1, 3000) AS n;
            ANALYZE orders; ANALYZE order_returns;
            """
        )
        plan = await connection.fetch(f"EXPLAIN {statement.replace('$1', '''ARRAY['cus_1']''').replace('$2', '20').replace('$3', 'NULL')}")
    text = "\n".join(row[0] for row in plan)
    assert "ix_orders_customer_id_placed_at_id" in text
    assert "Seq Scan" not in text
