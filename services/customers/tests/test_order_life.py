"""The life of an order: its steps, its end, what stands in its stead, and the lists that show it."""

import asyncio
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_samples import LINE, ORDER

from customers.orders.errors import OrderIsCancelled, StepNotAllowed
from customers.orders.rules import CANCELLED, STATUSES, check_step, steps_from
from customers.orders.service import collect, erase
from shared.contracts.customers import OrderCancelled, OrderPlaced, OrderReturned


class TestSteps:
    @given(st.lists(st.sampled_from(STATUSES), max_size=12))
    def test_every_way_ends_and_a_cancelled_order_stays_so(self, wanted):
        status, taken = "placed", []
        for step in wanted:
            if step in steps_from(status):
                check_step(status, step)
                status = step
                taken.append(step)
            else:
                with pytest.raises(OrderIsCancelled if status == CANCELLED else StepNotAllowed):
                    check_step(status, step)
        assert CANCELLED not in taken[:-1]
        assert "completed" not in taken[:-1]
        assert len(taken) <= 5


@pytest.fixture
async def order(client) -> dict:
    return (await client.post("/v1/orders", json=ORDER)).json()


async def advance(client, order, status, **body):
    return await client.post(f"/v1/orders/{order['id']}/status", json={"status": status, **body})


async def touches(database, order):
    async with database.acquire() as connection:
        return await connection.fetch("SELECT * FROM touches WHERE customer_id = $1 ORDER BY occurred_at, kind", order["customer_id"])


async def test_an_order_leaves_a_touch_alone_and_in_a_batch(client, database, order):
    await client.post("/v1/orders/batch", json={"items": [ORDER, ORDER | {"external_id": "O-2"}]})
    await client.post("/v1/orders", json=ORDER)
    rows = await touches(database, order)
    assert len(rows) == 2
    assert {(row["kind"], row["channel"], row["journey_stage"], row["occurred_at"]) for row in rows} == {
        ("order", "web", "purchase", datetime(2026, 2, 1, 10, tzinfo=UTC))
    }
    assert rows[0]["summary"] == {"amount_minor": 2_000, "currency": "EUR", "articles": 1}
    assert order["id"] in {row["source_id"] for row in rows}


async def test_an_order_goes_its_way(client, order, published):
    await advance(client, order, "paid", changed_at="2026-02-02T10:00:00Z")
    await advance(client, order, "shipped", changed_at="2026-02-03T10:00:00Z")
    again = await advance(client, order, "shipped")
    answer = await advance(client, order, "delivered", changed_at="2026-02-05T10:00:00Z")
    assert again.headers["etag"] == '"3"'
    assert answer.headers["etag"] == '"4"'
    assert answer.json()["history"] == [
        {"status": "placed", "at": "2026-02-01T10:00:00Z"},
        {"status": "paid", "at": "2026-02-02T10:00:00Z"},
        {"status": "shipped", "at": "2026-02-03T10:00:00Z"},
        {"status": "delivered", "at": "2026-02-05T10:00:00Z"},
    ]
    told = [(type(event).__name__, event.status, event.previous, sequence) for event, sequence in (await published("order"))[1:]]
    assert told == [
        ("OrderStatusChanged", "paid", "placed", 2),
        ("OrderStatusChanged", "shipped", "paid", 3),
        ("OrderStatusChanged", "delivered", "shipped", 4),
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"status": "paid", "changed_at": "2026-02-01T09:59:59Z"}, 422, "changed_at_refused"),
        ({"status": "paid", "changed_at": "2026-03-03T12:00:01Z"}, 422, "changed_at_refused"),
        ({"status": "lost"}, 422, "validation_failed"),
    ],
)
async def test_a_step_follows_the_one_before(client, order, body, status, code):
    answer = await client.post(f"/v1/orders/{order['id']}/status", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_no_way_leads_back(client, order):
    await advance(client, order, "delivered")
    for status in ("placed", "paid", "cancelled"):
        answer = await advance(client, order, status)
        assert (answer.status_code, answer.json()["code"], answer.json()["allowed"]) == (409, "step_not_allowed", ["completed"])


async def test_a_patch_needs_the_version_that_was_read(client, order):
    path = f"/v1/orders/{order['id']}"
    answer = await client.patch(path, json={"status": "paid"}, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (200, "paid", '"2"')
    stale = await client.patch(path, json={"status": "shipped"}, headers={"if-match": '"1"'})
    assert stale.status_code == 412


async def test_a_cancelled_order_counts_no_more(client, database, order, published, clock):
    path = f"/v1/orders/{order['id']}"
    await client.post(f"{path}/returns", json={"lines": [{"sku": "CD-1", "quantity": 1}]})
    answer = await client.post(f"{path}/cancel")
    assert (answer.status_code, answer.json()["status"], len(answer.json()["returns"])) == (200, "cancelled", 1)
    again = await client.post(f"{path}/cancel", json={"cancelled_at": "2026-02-02T10:00:00Z"})
    assert again.json() == answer.json()
    event, sequence = (await published("order"))[-1]
    assert isinstance(event, OrderCancelled)
    assert (event.reason, event.order_amount_minor, event.returned_total_minor, event.replaced_by, sequence) == (
        *("cancelled", 2_000, 1_000, None),
        3,
    )
    assert event.cancelled_at == clock.now()
    assert [row["kind"] for row in await touches(database, order)] == ["order", "order_cancelled", "return"]
    refused = [await client.post(f"{path}/returns"), await advance(client, order, "paid")]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(409, "order_is_cancelled")] * 2
    assert (await client.post("/v1/orders/ord_none/cancel")).status_code == 404


class TestCorrections:
    async def correct(self, client, order, **changes):
        body = {"lines": [LINE | {"quantity": 1, "amount_minor": 900}]} | changes
        return await client.post(f"/v1/orders/{order['id']}/corrections", json=body)

    async def test_the_old_one_is_cancelled_and_the_new_one_stands(self, client, database, order, published):
        await advance(client, order, "paid", changed_at="2026-02-02T10:00:00Z")
        answer = await self.correct(client, order)
        new, old = answer.json(), (await client.get(f"/v1/orders/{order['id']}")).json()
        assert answer.status_code == 201
        assert (old["status"], old["replaced_by"], new["corrects"], new["status"]) == ("cancelled", new["id"], old["id"], "paid")
        kept = ("customer_id", "placed_at", "currency", "channel")
        assert [new[name] for name in kept] == [old[name] for name in kept]
        assert new == (await client.get(answer.headers["location"])).json()
        (cancelled, number), (placed, first) = (await published("order"))[-2:]
        assert isinstance(cancelled, OrderCancelled)
        assert isinstance(placed, OrderPlaced)
        assert (cancelled.reason, cancelled.replaced_by, number) == ("corrected", new["id"], 3)
        assert (placed.corrects, placed.amount_minor, placed.customer_id, first) == (old["id"], 900, old["customer_id"], 1)
        summary = next(row["summary"] for row in await touches(database, order) if row["kind"] == "order_cancelled")
        assert summary["replaced_by"] == new["id"]

    async def test_an_order_is_corrected_once_and_its_correction_again(self, client, order):
        first = (await self.correct(client, order)).json()
        answer = await self.correct(client, order)
        assert (answer.status_code, answer.json()["code"], answer.json()["replaced_by"]) == (409, "order_is_cancelled", first["id"])
        second = await self.correct(client, first, currency="USD", placed_at="2026-02-01T11:00:00Z", shop="riga-2")
        assert second.status_code == 201
        assert [second.json()[name] for name in ("corrects", "currency", "shop")] == [first["id"], "USD", "riga-2"]

    async def test_the_same_correction_under_its_external_id_changes_nothing(self, client, order, published):
        first = await self.correct(client, order, external_id="O-1b")
        again = await self.correct(client, order, external_id="O-1b")
        assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
        other = await self.correct(client, order, external_id="O-1b", shop="x")
        assert (other.status_code, other.json()["code"]) == (409, "order_differs")
        taken = await self.correct(client, first.json(), external_id="O-1")
        assert (taken.status_code, taken.json()["code"]) == (409, "order_differs")
        assert len(await published("order")) == 3

    async def test_what_is_refused_leaves_the_old_one_standing(self, client, order):
        for changes in ({"total_minor": 1}, {"placed_at": "2027-01-01T00:00:00Z"}, {"lines": []}):
            assert (await self.correct(client, order, **changes)).status_code == 422
        assert (await client.get(f"/v1/orders/{order['id']}")).json() == order

    async def test_concurrent_corrections_leave_one(self, committed_client):
        order = (await committed_client.post("/v1/orders", json=ORDER)).json()
        answers = await asyncio.gather(*(self.correct(committed_client, order) for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


async def test_a_refund_may_differ_from_the_goods(client, order, published):
    path = f"/v1/orders/{order['id']}"
    with_fee = {"external_id": "R-1", "lines": [{"sku": "CD-1", "quantity": 1}], "refund_minor": 800}
    first = await client.post(f"{path}/returns", json=with_fee)
    assert (first.json()["amount_minor"], first.json()["refund_minor"]) == (1_000, 800)
    assert (await client.post(f"{path}/returns", json=with_fee)).status_code == 200
    other = await client.post(f"{path}/returns", json=with_fee | {"refund_minor": 801})
    assert (other.status_code, other.json()["code"]) == (409, "return_differs")
    much = await client.post(f"{path}/returns", json={"refund_minor": 1_201})
    assert (much.status_code, much.json()["code"], much.json()["left_amount_minor"]) == (409, "refund_exceeds_order", 1_200)
    await client.post(f"{path}/returns", json={"refund_minor": 1_200})
    shown = (await client.get(path)).json()
    assert (shown["returned_total_minor"], shown["refunded_total_minor"]) == (2_000, 2_000)
    assert [event.amount_minor for event, _ in await published("order") if isinstance(event, OrderReturned)] == [1_000, 1_000]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["O-5", "O-4", "O-3", "O-2", "O-1"]),
        ({"status": "paid"}, ["O-4", "O-2"]),
        ({"channel": "shop"}, ["O-3", "O-1"]),
        ({"shop": "riga"}, ["O-5"]),
        ({"from": "2026-02-02T00:00:00Z", "to": "2026-02-04T00:00:00Z"}, ["O-3", "O-2"]),
        ({"sku": "twice"}, ["O-4", "O-2"]),
        ({"category": "books"}, ["O-5", "O-4", "O-2"]),
        ({"sku": "CD-1", "category": "books"}, []),
        ({"sku": "CD-1", "status": "placed", "channel": "shop", "to": "2026-02-03T00:00:00Z"}, ["O-1"]),
    ],
)
async def test_orders_are_listed_by_filters_page_by_page(client, query, expected):
    book = LINE | {"sku": "twice", "category": "books"}
    orders = [
        ORDER
        | {
            "external_id": f"O-{day}",
            "customer_external_id": f"C-{day}",
            "placed_at": f"2026-02-0{day}T00:00:00Z",
            "channel": "shop" if day in {1, 3} else "web",
            "status": "paid" if day in {2, 4} else "placed",
            "lines": [LINE, book, book] if day in {2, 4} else [LINE, LINE | {"sku": "x", "category": "books" if day == 5 else None}],
        }
        | ({"shop": "riga"} if day == 5 else {})
        for day in range(1, 6)
    ]
    results = (await client.post("/v1/orders/batch", json={"items": orders})).json()["results"]
    assert [result["status"] for result in results] == [201] * 5
    seen, cursor = [], None
    for _ in range(5):
        page = await client.get("/v1/orders", params=query | {"limit": 2} | ({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200, page.text
        seen += page.json()["data"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert [each["external_id"] for each in seen] == expected


async def test_orders_of_a_merged_customer_are_those_of_all_his_records(client, database):
    others = {"external_id": "O-2", "customer_external_id": "C-2"}
    first, second = [(await client.post("/v1/orders", json=ORDER | each)).json() for each in ({}, others)]
    async with database.acquire() as connection:
        await connection.execute(
            "UPDATE customers SET merged_into = $1, root_id = $1 WHERE id = $2", first["customer_id"], second["customer_id"]
        )
    for customer_id in (first["customer_id"], second["customer_id"]):
        page = (await client.get(f"/v1/customers/{customer_id}/orders", params={"limit": 1})).json()
        rest = (await client.get(f"/v1/customers/{customer_id}/orders", params={"cursor": page["next_cursor"], "limit": 1})).json()
        assert [each["id"] for each in page["data"] + rest["data"]] == [second["id"], first["id"]]


class Books:
    """What orders count for, by the simplest book-keeping."""

    def __init__(self) -> None:
        self.amounts: dict[str, int] = {}
        self.returned: dict[str, int] = {}

    def place(self, order: str, amount: int) -> None:
        self.amounts[order] = amount

    def take_back(self, order: str, total: int) -> None:
        self.returned[order] = total

    def strike_out(self, order: str) -> None:
        del self.amounts[order]

    @property
    def sums(self) -> tuple[int, int]:
        return len(self.amounts), sum(self.amounts.values()) - sum(self.returned.get(order, 0) for order in self.amounts)


class History:
    """Does at random what can be done with orders, and keeps the books of what was accepted."""

    def __init__(self, client, chance: Random) -> None:
        self.client = client
        self.chance = chance
        self.books = Books()
        self.orders: list[str] = []

    async def place(self) -> None:
        amount = self.chance.randrange(1, 5_000)
        body = ORDER | {"external_id": None, "lines": [LINE | {"quantity": 4, "amount_minor": amount}]}
        self._placed((await self.client.post("/v1/orders", json=body)).json()["id"], amount)

    async def take_back(self, order: str) -> None:
        lines = [{"sku": "CD-1", "quantity": self.chance.randrange(1, 3)}]
        answer = await self.client.post(f"/v1/orders/{order}/returns", json={"lines": lines})
        assert answer.status_code in ({201, 409} if order in self.books.amounts else {409})
        if answer.status_code == 201:
            self.books.take_back(order, self.books.returned.get(order, 0) + answer.json()["amount_minor"])

    async def refund(self, order: str) -> None:
        answer = await self.client.post(f"/v1/orders/{order}/refunds", json={"refund_minor": self.chance.randrange(1, 2_000)})
        assert answer.status_code in ({201, 409} if order in self.books.amounts else {409})
        if answer.status_code == 201:
            self.books.take_back(order, self.books.returned.get(order, 0) + answer.json()["amount_minor"])

    async def cancel(self, order: str) -> None:
        accepted = (await self.client.post(f"/v1/orders/{order}/cancel")).status_code == 200
        if accepted and order in self.books.amounts:
            self.books.strike_out(order)

    async def correct(self, order: str) -> None:
        amount = self.chance.randrange(1, 5_000)
        answer = await self.client.post(f"/v1/orders/{order}/corrections", json={"lines": [LINE | {"amount_minor": amount}]})
        assert answer.status_code == (201 if order in self.books.amounts else 409)
        if answer.status_code == 201:
            self.books.strike_out(order)
            self._placed(answer.json()["id"], amount)

    async def advance(self, order: str) -> None:
        await self.client.post(f"/v1/orders/{order}/status", json={"status": self.chance.choice(STATUSES[1:5])})

    def _placed(self, order: str, amount: int) -> None:
        self.books.place(order, amount)
        self.orders.append(order)


def heard(events) -> Books:
    """Return the books of somebody who only hears the events."""
    books = Books()
    for event, _ in events:
        if isinstance(event, OrderPlaced):
            books.place(event.order_id, event.amount_minor)
        elif isinstance(event, OrderReturned):
            books.take_back(event.order_id, event.returned_total_minor)
        elif isinstance(event, OrderCancelled):
            assert books.amounts[event.order_id] == event.order_amount_minor
            assert books.returned.get(event.order_id, 0) == event.returned_total_minor
            books.strike_out(event.order_id)
    return books


@pytest.mark.parametrize("seed", range(6))
async def test_any_history_sums_up_to_what_counts(client, published, seed):
    """Orders count for the sum of those that stand less what came back of them; who hears the events comes to the same."""
    history = History(client, Random(seed))
    for _ in range(3):
        await history.place()
    for _ in range(14):
        action = history.chance.choice([history.take_back, history.refund, history.cancel, history.correct, history.advance])
        await action(history.chance.choice(history.orders))
    shown = (await client.get("/v1/orders", params={"limit": 100})).json()["data"]
    standing = [each for each in shown if each["status"] != "cancelled"]
    sums = len(standing), sum(each["amount_minor"] - each["returned_total_minor"] for each in standing)
    assert sums == history.books.sums == heard(await published("order")).sums


async def test_nothing_is_placed_for_an_erased_customer(client, database, order):
    async with database.acquire() as connection:
        await connection.execute("UPDATE customers SET erased_at = now(), root_id = NULL WHERE id = $1", order["customer_id"])
    body = {name: value for name, value in ORDER.items() if "external_id" not in name} | {"customer_id": order["customer_id"]}
    alone = await client.post("/v1/orders", json=body)
    [batched] = (await client.post("/v1/orders/batch", json={"items": [body]})).json()["results"]
    assert (alone.status_code, alone.json()["code"]) == (422, "customer_unknown")
    assert (batched["status"], batched["problem"]["code"]) == (422, "customer_unknown")


async def test_what_is_erased_is_gone_and_what_is_collected_is_all(client, database, order):
    await client.post(f"/v1/orders/{order['id']}/returns", json={"lines": [{"sku": "CD-1", "quantity": 1}]})
    new = (await client.post(f"/v1/orders/{order['id']}/corrections", json={"lines": [LINE, LINE]})).json()
    other = (await client.post("/v1/orders", json=ORDER | {"external_id": "O-2", "customer_external_id": "C-2"})).json()
    async with database.acquire() as connection:
        collected = (await collect(connection, [order["customer_id"]]))["orders"]
        assert {row["id"] for row in collected} == {order["id"], new["id"]}
        assert sum(len(row["returns"]) for row in collected) == 1
        assert await erase(connection, [order["customer_id"]]) == {"order_returns": 1, "order_lines": 3, "orders": 2}
        assert await collect(connection, [order["customer_id"]]) == {"orders": []}
        assert await erase(connection, [order["customer_id"]]) == {"order_returns": 0, "order_lines": 0, "orders": 0}
    assert (await client.get(f"/v1/orders/{other['id']}")).json() == other


async def books(client, **query) -> dict[str, tuple[int, int, int]]:
    """What was sold by day: orders that stand, their money, and what was paid in the end."""
    days: dict[str, tuple[int, int, int]] = {}
    for each in (await client.get("/v1/orders", params={"limit": 100} | query)).json()["data"]:
        if each["status"] != "cancelled":
            count, goods, paid = days.get(each["placed_at"][:10], (0, 0, 0))
            goods += each["amount_minor"] - each["returned_total_minor"]
            days[each["placed_at"][:10]] = (count + 1, goods, paid + each["total_minor"] - each["refunded_total_minor"])
    return days


async def test_orders_of_an_erased_customer_stay_in_the_books_without_him(client, order):
    path = f"/v1/orders/{order['id']}"
    await client.post(f"{path}/returns", json={"external_id": "R-1", "lines": [{"sku": "CD-1", "quantity": 1}]})
    await client.post(f"{path}/status", json={"status": "shipped"})
    second = (await client.post("/v1/orders", json=ORDER | {"external_id": "O-2", "shipping_minor": 500, "shop": "riga-1"})).json()
    await client.post(f"/v1/orders/{second['id']}/refunds", json={"external_id": "R-2", "refund_minor": 300})
    await client.post("/v1/orders", json=ORDER | {"external_id": "O-3", "customer_external_id": "C-2"})
    before = await books(client), await books(client, shop="riga-1"), await books(client, sku="CD-1")
    assert (await client.post("/v1/erasures", json={"customer_id": order["customer_id"]})).status_code == 202
    assert (await books(client), await books(client, shop="riga-1"), await books(client, sku="CD-1")) == before
    shown = await client.get(path)
    left = shown.json()
    assert (left["customer_id"], left["customer_external_id"], left["external_id"], left["status"]) == (None, None, None, "shipped")
    assert (left["placed_at"], left["history"]) == ("2026-02-01T00:00:00Z", [{"status": "shipped", "at": "2026-02-01T00:00:00Z"}])
    assert [(each["external_id"], each["amount_minor"], each["returned_at"][10:]) for each in left["returns"]] == [
        (None, 1_000, "T00:00:00Z")
    ]
    assert not {"C-1", "O-1", "R-1", order["customer_id"]} & set(shown.text.split('"'))


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("returns", {}),
        ("refunds", {"refund_minor": 1}),
        ("status", {"status": "shipped"}),
        ("cancel", {}),
        ("corrections", {"lines": [LINE]}),
    ],
)
async def test_what_is_nobodys_changes_no_more(client, order, published, route, body):
    await client.post("/v1/erasures", json={"customer_id": order["customer_id"]})
    before = len(await published("order"))
    answer = await client.post(f"/v1/orders/{order['id']}/{route}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "order_of_nobody")
    assert len(await published("order")) == before
    again = await client.post("/v1/orders", json=ORDER)
    assert again.status_code >= 400
