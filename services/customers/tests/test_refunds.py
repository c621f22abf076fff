"""Money that goes back while the goods stay: what it takes off the order, and what may come back of it afterwards."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.orders import rules
from customers.orders.errors import ReturnExceedsOrder, SkuNotInOrder
from shared.contracts.customers import OrderReturned

LINES = [
    {"sku": "CD-1", "quantity": 2, "amount_minor": 2_000, "category": "music"},
    {"sku": "DVD-1", "quantity": 1, "amount_minor": 1_000, "category": "film"},
]
ORDER = {
    "external_id": "O-1",
    "customer_external_id": "C-1",
    "placed_at": "2026-02-01T10:00:00Z",
    "currency": "EUR",
    "lines": LINES,
    "shipping_minor": 500,
}
bought_lines = st.lists(
    st.fixed_dictionaries(
        {"sku": st.sampled_from("abc"), "quantity": st.integers(1, 5), "amount_minor": st.integers(0, 10**6), "category": st.none()}
    ),
    min_size=1,
    max_size=4,
)
steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 3)) | st.tuples(st.none() | st.sampled_from("abc"), st.just(0), st.integers(1, 10**6)),
    max_size=8,
)


class TestRules:
    @given(bought_lines, steps)
    def test_whatever_goes_back_never_exceeds_what_was_paid_and_the_rest_is_what_is_left(self, bought, steps):
        returned: list[dict[str, Any]] = []
        for sku, pieces, *refund in steps:
            try:
                if refund:
                    returned += rules.goods_of_refund(bought, returned, refund[0], None, sku)
                else:
                    returned += rules.lines_to_return(bought, returned, [{"sku": sku, "quantity": pieces, "amount_minor": None}])
            except (ReturnExceedsOrder, SkuNotInOrder, rules.NothingToReturn):
                continue
        for sku in "abc":
            of_sku = [line for line in returned if line["sku"] == sku]
            whole = sum(line["amount_minor"] for line in bought if line["sku"] == sku)
            assert 0 <= sum(line["amount_minor"] for line in of_sku) <= whole
        if rules.left_of(bought, returned):
            returned += rules.lines_to_return(bought, returned, None)
        assert rules.total_minor(returned) == rules.total_minor(bought)

    @given(bought_lines, st.integers(1, 10**7))
    def test_a_refund_lowers_no_article_below_nothing_and_takes_no_piece(self, bought, refund_minor):
        lines = rules.goods_of_refund(bought, [], refund_minor, None, None)
        assert rules.total_minor(lines) == min(refund_minor, rules.total_minor(bought))
        assert all(line["quantity"] == 0 and line["amount_minor"] > 0 for line in lines)
        left = rules.left_of(bought, lines)
        assert {sku: each.quantity for sku, each in left.items()} == {sku: each.quantity for sku, each in rules.left_of(bought, []).items()}
        assert min(each.amount_minor for each in left.values()) >= 0


@pytest.fixture
async def path(client):
    answer = await client.post("/v1/orders", json=ORDER)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def refund(client, path, **body):
    return await client.post(f"{path}/refunds", json=body)


async def test_a_price_reduction_takes_its_money_off_the_goods_in_proportion(client, path, published):
    answer = await refund(client, path, refund_minor=600, reason="price_reduction")
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert (shown["kind"], shown["reason"], shown["amount_minor"], shown["refund_minor"]) == ("refund", "price_reduction", 600, 600)
    assert [(line["sku"], line["quantity"], line["amount_minor"]) for line in shown["lines"]] == [("CD-1", 0, 400), ("DVD-1", 0, 200)]
    order = await client.get(path)
    assert order.headers["etag"] == answer.headers["etag"] == '"2"'
    assert (order.json()["returned_total_minor"], order.json()["refunded_total_minor"]) == (600, 600)
    assert order.json()["returns"] == [shown]
    [(event, sequence)] = [(event, sequence) for event, sequence in await published("order") if isinstance(event, OrderReturned)]
    assert (event.kind, event.amount_minor, event.returned_total_minor, sequence) == ("refund", 600, 600, 2)
    assert [(line.sku, line.quantity, line.amount_minor, line.category) for line in event.lines] == [
        ("CD-1", 0, 400, "music"),
        ("DVD-1", 0, 200, "film"),
    ]


async def test_the_goods_come_back_later_for_what_was_paid_in_the_end(client, path, published):
    await refund(client, path, refund_minor=300, sku="CD-1", reason="goodwill")
    answer = await client.post(f"{path}/returns", json={"lines": [{"sku": "CD-1", "quantity": 1}]})
    assert (answer.json()["kind"], answer.json()["reason"], answer.json()["refund_minor"]) == ("return", None, 850)
    rest = (await client.post(f"{path}/returns")).json()
    assert (rest["amount_minor"], rest["refund_minor"]) == (1_850, 1_850)
    totals = [event.returned_total_minor for event, _ in await published("order") if isinstance(event, OrderReturned)]
    assert totals == [300, 1_150, 3_000]


async def test_shipping_can_be_refunded_without_touching_the_goods(client, path, published):
    shown = (await refund(client, path, refund_minor=500, goods_minor=0)).json()
    assert (shown["amount_minor"], shown["refund_minor"], shown["lines"], shown["reason"]) == (0, 500, [], "other")
    order = (await client.get(path)).json()
    assert (order["returned_total_minor"], order["refunded_total_minor"]) == (0, 500)
    [event] = [event for event, _ in await published("order") if isinstance(event, OrderReturned)]
    assert (event.amount_minor, event.lines) == (0, [])


async def test_what_the_goods_do_not_hold_is_taken_off_the_shipping(client, path):
    await client.post(f"{path}/returns")
    shown = (await refund(client, path, refund_minor=500)).json()
    assert (shown["amount_minor"], shown["refund_minor"], shown["lines"]) == (0, 500, [])
    answer = await refund(client, path, refund_minor=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_exceeds_order")


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"refund_minor": 3_501}, 409, "refund_exceeds_order", "/refund_minor"),
        ({"refund_minor": 1_500, "goods_minor": 1_001, "sku": "DVD-1"}, 409, "return_exceeds_order", "/goods_minor"),
        ({"refund_minor": 1, "sku": "LP-1"}, 422, "sku_not_in_order", "/sku"),
        ({"refund_minor": 1, "goods_minor": 2}, 422, "validation_failed", ""),
        ({"refund_minor": 0}, 422, "validation_failed", "/refund_minor"),
        ({"refund_minor": 1, "reason": "none"}, 422, "validation_failed", "/reason"),
        ({"refund_minor": 1, "refunded_at": "2026-01-31T00:00:00Z"}, 422, "returned_at_refused", "/returned_at"),
    ],
)
async def test_what_cannot_be_is_refused(client, path, body, status, code, pointer):
    answer = await refund(client, path, **body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert [each["pointer"] for each in problem.get("errors", [])] in ([pointer], [])
    assert (await client.get(path)).json()["returns"] == []


async def test_a_cancelled_order_gives_nothing_back(client, path):
    await client.post(f"{path}/cancel")
    assert (await refund(client, path, refund_minor=1)).json()["code"] == "order_is_cancelled"
    assert (await refund(client, "/v1/orders/ord_unknown", refund_minor=1)).json()["code"] == "order_not_found"


async def test_the_same_refund_again_changes_nothing(client, path, published):
    first = await refund(client, path, refund_minor=100, external_id="R-1")
    again = await refund(client, path, refund_minor=100, external_id="R-1")
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    for body in ({"refund_minor": 101}, {"refund_minor": 100, "reason": "goodwill"}, {"refund_minor": 100, "sku": "CD-1"}):
        assert (await refund(client, path, external_id="R-1", **body)).json()["code"] == "return_differs"
    assert (await client.post(f"{path}/returns", json={"external_id": "R-1"})).json()["code"] == "return_differs"
    assert len([event for event, _ in await published("order") if isinstance(event, OrderReturned)]) == 1


async def test_it_is_a_touch_and_lowers_what_he_spent(client, path):
    order = (await client.get(path)).json()
    await refund(client, path, refund_minor=600, reason="goodwill")
    customer = f"/v1/customers/{order['customer_id']}"
    [touch] = (await client.get(f"{customer}/timeline", params={"kind": "refund"})).json()["data"]
    assert (touch["summary"]["refund_minor"], touch["summary"]["reason"], touch["journey_stage"]) == (600, "goodwill", "service")
    [sums] = (await client.get(f"{customer}/purchases/summary")).json()["currencies"]
    assert (sums["goods_minor"], sums["returned_minor"], sums["net_minor"], sums["paid_minor"]) == (3_000, 600, 2_400, 2_900)
    shown = (await client.get(f"{customer}/purchases/categories")).json()["data"]
    assert {each["category"]: (each["quantity"], each["net_minor"]) for each in shown} == {
        "music": (2, {"EUR": 1_600}),
        "film": (1, {"EUR": 800}),
    }


async def test_concurrent_refunds_and_returns_never_exceed_the_order(committed_client):
    path = (await committed_client.post("/v1/orders", json=ORDER)).headers["location"]
    requests = [committed_client.post(f"{path}/refunds", json={"refund_minor": 700}) for _ in range(5)]
    requests += [committed_client.post(f"{path}/returns", json={"lines": [{"sku": "CD-1", "quantity": 1}]}) for _ in range(3)]
    answers = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} <= {201, 409}
    order = (await committed_client.get(path)).json()
    assert order["returned_total_minor"] <= order["amount_minor"]
    assert order["refunded_total_minor"] <= order["total_minor"]
    accepted = [answer.json() for answer in answers if answer.status_code == 201]
    assert sum(each["amount_minor"] for each in accepted) == order["returned_total_minor"]
