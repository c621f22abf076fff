"""The two histories: what they add up to, and that nothing comes back that was not bought."""

import gzip
from collections import defaultdict
from pathlib import Path

import pytest

from histories import History, cdnow, online_retail
from shared.contracts.customers import OrderPlaced, OrderReturned

HEADER = "invoice,time,customer,article,quantity,price\n"


@pytest.fixture(scope="module")
def retail() -> History:
    return online_retail()


def written(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "log.csv.gz"
    with gzip.open(path, "wt") as log:
        log.write(HEADER + "\n".join(rows))
    return path


def test_the_music_shop_sold_what_is_known_of_it():
    history = cdnow()
    assert len(history.events) == 69_659
    assert len(history.customers) == 23_570
    assert sum(event.amount_minor for event in history.events) == 250_031_563


def test_the_gift_shop_s_invoices_are_all_there(retail):
    placed = [event for event in retail.events if isinstance(event, OrderPlaced)]
    assert len({event.order_id for event in placed}) == len(placed)
    assert retail.events == sorted(retail.events, key=lambda e: e.placed_at if isinstance(e, OrderPlaced) else e.returned_at)
    # 274,808 pieces came back; not a tenth of them were bought before the history begins, or are no goods.
    assert 0 < retail.unmatched < retail.cancelled * 0.1


def test_no_order_gives_back_more_than_it_had(retail):
    orders, returned, pieces = {}, defaultdict(int), defaultdict(int)
    for event in retail.events:
        if isinstance(event, OrderPlaced):
            orders[event.order_id] = event
            continue
        order = orders[event.order_id]
        returned[event.order_id] += event.amount_minor
        assert event.customer_id == order.customer_id
        assert event.returned_at >= order.placed_at
        assert event.returned_total_minor == returned[event.order_id] <= order.amount_minor
        for line in event.lines:
            pieces[event.order_id, line.sku] += line.quantity
    bought = {(order.order_id, line.sku): line.quantity for order in orders.values() for line in order.lines}
    assert all(quantity <= bought[place] for place, quantity in pieces.items())


def test_a_cancellation_takes_back_the_latest_pieces_at_the_price_paid(tmp_path):
    log = written(
        tmp_path,
        "1,201101010900,7,A,3,1000",
        "2,201101020900,7,A,2,2000",
        "C3,201101030900,7,A,-4,9990",
        "C4,201101040900,7,A,-5,1000",
    )
    history = online_retail(log)
    returns = [event for event in history.events if isinstance(event, OrderReturned)]
    assert [(e.order_id, e.amount_minor, e.returned_total_minor, e.lines[0].quantity) for e in returns] == [
        ("ord_retail_2_0900", 400, 400, 2),
        ("ord_retail_1_0900", 200, 200, 2),
        ("ord_retail_1_0900", 100, 300, 1),
    ]
    assert (history.cancelled, history.unmatched) == (9, 4)


def test_a_return_of_what_was_never_bought_is_only_counted(tmp_path):
    history = online_retail(written(tmp_path, "C1,201101010900,7,D,-1,500", "2,201101020900,7,D,1,500"))
    assert [type(event) for event in history.events] == [OrderPlaced]
    assert (history.cancelled, history.unmatched) == (1, 1)
