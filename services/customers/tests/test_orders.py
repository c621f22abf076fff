"""Orders and returns over HTTP."""

import asyncio
from datetime import UTC, datetime

import pytest

from shared.contracts.customers import OrderPlaced, OrderReturned

LINES = [
    {"sku": "CD-1", "quantity": 2, "amount_minor": 2_598, "category": "music"},
    {"sku": "BOX", "quantity": 1, "amount_minor": 500, "category": None},
]
ORDER = {
    "external_id": "O-1",
    "customer_external_id": "C-1",
    "placed_at": "1997-01-12T10:30:00Z",
    "currency": "USD",
    "channel": "web",
    "lines": LINES,
}


@pytest.fixture
async def customer_id(client) -> str:
    return (await client.post("/v1/customers", json={"external_id": "C-1"})).json()["id"]


async def place(client, **changes):
    return await client.post("/v1/orders", json={k: v for k, v in (ORDER | changes).items() if v is not None})


async def send_batch(client, items):
    answer = await client.post("/v1/orders/batch", json={"items": items})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def test_what_is_sent_is_returned(client, customer_id, published):
    answer = await place(client)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    shown = answer.json()
    assert shown | ORDER == shown
    assert (shown["customer_id"], shown["amount_minor"], shown["returns"]) == (customer_id, 3_098, [])
    read = await client.get(answer.headers["location"], headers={"if-none-match": '"9"'})
    assert read.json() == shown
    assert (await client.get(answer.headers["location"], headers={"if-none-match": '"1"'})).status_code == 304
    [(event, sequence)] = await published("order")
    assert isinstance(event, OrderPlaced)
    assert (event.order_id, event.customer_id, event.amount_minor, sequence) == (shown["id"], customer_id, 3_098, 1)
    assert [line.model_dump() for line in event.lines] == LINES
    assert event.placed_at == datetime(1997, 1, 12, 10, 30, tzinfo=UTC)


async def test_moments_are_shown_in_utc(client, customer_id):
    answer = await place(client, placed_at="1997-01-12T12:30:00+02:00")
    assert answer.json()["placed_at"] == "1997-01-12T10:30:00Z"


async def test_the_customer_can_be_named_by_his_id(client, customer_id):
    shown = (await place(client, customer_id=customer_id, customer_external_id=None)).json()
    assert (shown["customer_id"], shown["customer_external_id"]) == (customer_id, "C-1")
    again = await place(client)
    assert (again.status_code, again.json()) == (200, shown)


async def test_the_same_order_again_changes_nothing(client, customer_id, published):
    first = await place(client)
    again = await place(client)
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(await published("order")) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"placed_at": "1997-01-12T10:30:01Z"},
        {"currency": "EUR"},
        {"channel": "shop"},
        {"channel": None},
        {"lines": LINES[::-1]},
        {"lines": LINES[:1]},
        {"customer_external_id": "C-2"},
    ],
)
async def test_another_order_under_its_external_id_is_refused(client, customer_id, published, changes):
    await place(client)
    answer = await place(client, **changes)
    assert (answer.status_code, answer.json()["code"]) == (409, "order_differs")
    # Nor is a customer left behind.
    assert len(await published()) == 2
    [result] = await send_batch(client, [{k: v for k, v in (ORDER | changes).items() if v is not None}])
    assert (result["status"], result["problem"]["code"]) == (409, "order_differs")
    assert len(await published()) == 2


async def test_an_order_may_come_before_its_customer(client, published):
    shown = (await place(client)).json()
    told = [(type(event).__name__, sequence) for event, sequence in await published()]
    assert told == [("CustomerRegistered", 1), ("OrderPlaced", 1)]
    [result] = (
        await client.post("/v1/customers/batch", json={"items": [{"external_id": "C-1", "name": "Ilze", "kind": "organisation"}]})
    ).json()["results"]
    assert result == {"status": 200, "id": shown["customer_id"]}
    customer = (await client.get(f"/v1/customers/{shown['customer_id']}")).json()
    assert (customer["name"], customer["kind"]) == ("Ilze", "organisation")


async def test_an_unknown_customer_id_is_refused(client):
    answer = await place(client, customer_external_id=None, customer_id="cus_00000000000000000000000000")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/customer_id")


def lines(**changes):
    return [LINES[0] | changes]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"customer_external_id": None}, ""),
        ({"customer_id": "cus_00000000000000000000000000"}, ""),
        ({"customer_external_id": None, "customer_id": "17"}, "/customer_id"),
        ({"placed_at": "1969-12-31T23:59:59Z"}, "/placed_at"),
        ({"placed_at": "2026-03-03T12:00:01Z"}, "/placed_at"),
        ({"placed_at": "1997-01-12"}, "/placed_at"),
        ({"placed_at": "1997-01-12T10:30:00"}, "/placed_at"),
        ({"placed_at": 853_065_000}, "/placed_at"),
        ({"placed_at": "853065000"}, "/placed_at"),
        ({"placed_at": "0001-01-01T00:00:00+14:00"}, "/placed_at"),
        ({"currency": "usd"}, "/currency"),
        ({"currency": "XYZ"}, "/currency"),
        ({"lines": []}, "/lines"),
        ({"lines": LINES * 251}, "/lines"),
        ({"lines": lines(quantity=0)}, "/lines/0/quantity"),
        ({"lines": lines(quantity=10**6 + 1)}, "/lines/0/quantity"),
        ({"lines": lines(quantity="2")}, "/lines/0/quantity"),
        ({"lines": lines(quantity=True)}, "/lines/0/quantity"),
        ({"lines": lines(quantity=1.5)}, "/lines/0/quantity"),
        ({"lines": lines(amount_minor=-1)}, "/lines/0/amount_minor"),
        ({"lines": lines(amount_minor=10**12 + 1)}, "/lines/0/amount_minor"),
        ({"lines": lines(sku="")}, "/lines/0/sku"),
        ({"lines": lines(price=1)}, "/lines/0/price"),
        ({"total": 1}, "/total"),
    ],
)
async def test_bad_fields_are_named(client, changes, pointer):
    answer = await place(client, **changes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    [result] = await send_batch(client, [{k: v for k, v in (ORDER | changes).items() if v is not None}])
    assert result["status"] == 422
    assert [error["pointer"] for error in result["problem"]["errors"]] == [pointer]


async def test_a_batch_answers_each_item_in_order(client, customer_id, published):
    first = (await place(client)).json()
    unknown = {**ORDER, "external_id": "O-4", "customer_id": "cus_00000000000000000000000000"}
    del unknown["customer_external_id"]
    anonymous = {key: value for key, value in ORDER.items() if key != "external_id"}
    items = [
        ORDER | {"external_id": "O-2", "customer_external_id": "C-9"},
        ORDER,
        ORDER | {"channel": "shop"},
        ORDER | {"external_id": "O-2", "customer_external_id": "C-9"},
        ORDER | {"external_id": "O-2", "customer_external_id": "C-8"},
        unknown,
        {"external_id": "O-5"},
        ORDER | {"external_id": "O-4"},
        anonymous,
        anonymous,
    ]
    results = await send_batch(client, items)
    assert [result["status"] for result in results] == [201, 200, 409, 200, 409, 422, 422, 201, 201, 201]
    assert results[1]["id"] == first["id"]
    assert results[0]["id"] == results[3]["id"]
    assert len({results[place]["id"] for place in (0, 7, 8, 9)}) == 4
    shown = (await client.get(f"/v1/orders/{results[0]['id']}")).json()
    assert shown | items[0] == shown
    events = [event for event, _ in await published("order")]
    assert [event.aggregate_id for event in events] == [first["id"], *(results[place]["id"] for place in (0, 7, 8, 9))]
    assert len(await published("customer")) == 2


async def test_a_twin_takes_the_place_of_a_refused_order(client):
    first = {**ORDER, "customer_id": "cus_00000000000000000000000000"}
    del first["customer_external_id"]
    results = await send_batch(client, [first, ORDER, ORDER])
    assert [result["status"] for result in results] == [422, 201, 200]


async def test_a_batch_sent_again_changes_nothing(client, published):
    items = [ORDER | {"external_id": f"O-{number}", "customer_external_id": f"C-{number % 7}"} for number in range(60)]
    first = await send_batch(client, items)
    again = await send_batch(client, items)
    assert [result["status"] for result in first] == [201] * 60
    assert again == [{"status": 200, "id": result["id"]} for result in first]
    assert len(await published("order")) == 60
    assert len(await published("customer")) == 7


async def test_concurrent_batches_place_each_order_once(committed_client):
    items = [ORDER | {"external_id": f"O-{number}", "customer_external_id": f"C-{number % 30}"} for number in range(100)]
    parts = [items, items[::-1], items[50:] + items[:50], items]
    batches = await asyncio.gather(*(send_batch(committed_client, part) for part in parts))
    assert sum(result["status"] == 201 for batch in batches for result in batch) == 100
    assert {result["status"] for batch in batches for result in batch} == {200, 201}
    assert len({result["id"] for batch in batches for result in batch}) == 100


async def test_concurrent_twins_make_one_order_and_one_customer(committed_client):
    answers = await asyncio.gather(*(place(committed_client) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({(answer.json()["id"], answer.json()["customer_id"]) for answer in answers}) == 1


class TestReturns:
    @pytest.fixture
    async def path(self, client, customer_id) -> str:
        return (await place(client)).headers["location"]

    async def take_back(self, client, path, **body):
        return await client.post(f"{path}/returns", json=body)

    async def test_without_lines_everything_comes_back(self, client, path, published, clock):
        answer = await client.post(f"{path}/returns")
        assert (answer.status_code, answer.headers["etag"]) == (201, '"2"')
        assert answer.json()["lines"] == LINES
        assert datetime.fromisoformat(answer.json()["returned_at"]) == clock.now()
        order = (await client.get(path)).json()
        assert order["returned_total_minor"] == 3_098
        assert order["returns"] == [answer.json()]
        event, sequence = (await published("order"))[-1]
        assert isinstance(event, OrderReturned)
        assert (event.amount_minor, event.returned_total_minor, event.order_amount_minor, sequence) == (3_098, 3_098, 3_098, 2)

    async def test_a_part_comes_back_with_its_even_share(self, client, path, published):
        first = await self.take_back(client, path, lines=[{"sku": "CD-1", "quantity": 1}], returned_at="1997-02-01T00:00:00Z")
        assert first.json()["amount_minor"] == 1_299
        second = await self.take_back(client, path)
        assert [(line["sku"], line["quantity"], line["amount_minor"]) for line in second.json()["lines"]] == [
            ("CD-1", 1, 1_299),
            ("BOX", 1, 500),
        ]
        order = await client.get(path)
        assert order.headers["etag"] == '"3"'
        assert [each["id"] for each in order.json()["returns"]] == [first.json()["id"], second.json()["id"]]
        totals = [event.returned_total_minor for event, _ in await published("order") if isinstance(event, OrderReturned)]
        assert totals == [1_299, 3_098]

    @pytest.mark.parametrize(
        ("line", "status", "code", "pointer"),
        [
            ({"sku": "CD-1", "quantity": 3}, 409, "return_exceeds_order", "/lines/0/quantity"),
            ({"sku": "CD-1", "quantity": 1, "amount_minor": 2_599}, 409, "return_exceeds_order", "/lines/0/amount_minor"),
            ({"sku": "CD-2", "quantity": 1}, 422, "sku_not_in_order", "/lines/0/sku"),
            ({"sku": "CD-1", "quantity": 0}, 422, "greater_than_equal", "/lines/0/quantity"),
        ],
    )
    async def test_never_more_than_was_bought(self, client, path, line, status, code, pointer):
        answer = await self.take_back(client, path, lines=[line])
        assert answer.status_code == status
        assert [(error["code"], error["pointer"]) for error in answer.json()["errors"]] == [(code, pointer)]

    async def test_never_more_than_was_bought_over_several_lines(self, client, path):
        answer = await self.take_back(client, path, lines=[{"sku": "CD-1", "quantity": 1}, {"sku": "CD-1", "quantity": 2}])
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, "/lines/1/quantity")
        assert (await client.get(path)).json()["returns"] == []

    async def test_nothing_left_cannot_come_back(self, client, path):
        await self.take_back(client, path)
        answer = await self.take_back(client, path)
        assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_return")

    @pytest.mark.parametrize("moment", ["1997-01-12T10:29:59Z", "2026-03-03T12:00:01Z"])
    async def test_an_order_comes_back_after_it_was_placed(self, client, path, moment):
        answer = await self.take_back(client, path, returned_at=moment)
        assert (answer.status_code, answer.json()["code"]) == (422, "returned_at_refused")

    async def test_the_same_return_again_changes_nothing(self, client, path, published):
        body = {"external_id": "R-1", "lines": [{"sku": "CD-1", "quantity": 1}]}
        first = await self.take_back(client, path, **body)
        again = await self.take_back(client, path, **body)
        assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
        other = await self.take_back(client, path, external_id="R-1")
        assert (other.status_code, other.json()["code"]) == (409, "return_differs")
        assert len(await published("order")) == 2

    async def test_an_unknown_order_is_not_found(self, client):
        answer = await client.post("/v1/orders/ord_unknown/returns")
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")
        assert (await client.get("/v1/orders/ord_unknown")).status_code == 404

    async def test_concurrent_returns_never_exceed_the_order(self, committed_client):
        placed = await place(committed_client, lines=lines(quantity=5, amount_minor=1_003))
        body = {"lines": [{"sku": "CD-1", "quantity": 1}]}
        path = placed.headers["location"]
        answers = await asyncio.gather(*(committed_client.post(f"{path}/returns", json=body) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 3
        order = (await committed_client.get(path)).json()
        assert order["returned_total_minor"] == order["amount_minor"] == 1_003


async def test_a_customers_orders_come_newest_first_page_by_page(client, customer_id):
    items = [ORDER | {"external_id": f"O-{day}-{twin}", "placed_at": f"1997-02-{day:02}T00:00:00Z"} for day in range(1, 5) for twin in "ab"]
    await send_batch(client, [*items, ORDER | {"external_id": "other", "customer_external_id": "C-2"}])
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"/v1/customers/{customer_id}/orders", params=query)).json()
        seen += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 8
    assert [order["placed_at"] for order in seen] == sorted((order["placed_at"] for order in seen), reverse=True)
    assert seen[0] == (await client.get(f"/v1/orders/{seen[0]['id']}")).json()


async def test_a_customer_without_orders_has_an_empty_list(client, customer_id):
    assert (await client.get(f"/v1/customers/{customer_id}/orders")).json() == {"data": [], "next_cursor": None}
