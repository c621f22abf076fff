"""The demo data as requests: complete, exact, and the same each time."""

import orjson

from local_runner.history import customer_batches, order_batches, read_purchases

PURCHASES = read_purchases()


def test_the_totals_are_those_of_the_file() -> None:
    assert len(PURCHASES) == 69_659
    assert sum(purchase.amount_minor for purchase in PURCHASES) == 250_031_563
    assert sum(batch.size for batch in customer_batches(PURCHASES)) == 23_570
    assert sum(batch.size for batch in order_batches(PURCHASES)) == 69_659


def test_purchases_that_cost_nothing_are_kept() -> None:
    assert sum(1 for purchase in PURCHASES if purchase.amount_minor == 0) == 80


def test_batches_hold_a_thousand_items_at_most_and_each_item_once() -> None:
    seen = []
    for batch in order_batches(PURCHASES):
        items = orjson.loads(batch.body)["items"]
        assert len(items) == batch.size <= 1_000
        seen += [item["external_id"] for item in items]
    assert len(seen) == len(set(seen)) == 69_659


def test_the_key_of_a_batch_follows_from_its_content() -> None:
    first, second = list(order_batches(PURCHASES[:2_500])), list(order_batches(PURCHASES[:2_500]))
    assert [batch.key for batch in first] == [batch.key for batch in second]
    assert len({batch.key for batch in [*first, *order_batches(PURCHASES[1:2_501])]}) == 6


def test_an_order_says_what_the_line_of_the_log_says() -> None:
    order = orjson.loads(next(order_batches(PURCHASES)).body)["items"][2]
    assert order == {
        "external_id": "cdnow-3",
        "customer_external_id": "cdnow-2",
        "placed_at": "1997-01-12T00:00:00Z",
        "currency": "USD",
        "lines": [{"sku": "cd", "quantity": 5, "amount_minor": 7_700, "category": "music"}],
    }
