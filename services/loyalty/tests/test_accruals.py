"""Orders earn points: once, in any order, alone or by the hundred."""

import pytest

from loyalty.ledger.errors import ContradictingEvent, UnusableEvent
from loyalty.verification.rules import is_sound

EVENTS_OF_ONE = [("cus_1", "member_enrolled", 1), ("cus_1", "points_accrued", 2)]


async def test_an_order_earns_a_point_for_each_whole_unit_of_money(ledger, story):
    await ledger.hear(story.registered(), story.placed("ord_1", 1_199))
    assert await ledger.member("cus_1") == (11, 11)
    assert await ledger.told() == EVENTS_OF_ONE


async def test_an_entry_is_dated_when_the_order_was_placed(ledger, story):
    order = story.placed("ord_1", 1_000, on=-9_000)
    await ledger.hear(order)
    [row] = await ledger.fetch("SELECT occurred_at, earned_at FROM entries JOIN lots ON entry_id = entries.id")
    assert row["occurred_at"] == row["earned_at"] == order.placed_at


async def test_what_is_told_twice_happens_once(ledger, story):
    registered, order = story.registered(), story.placed("ord_1", 1_000)
    await ledger.hear(registered, order)
    before = await ledger.proof()
    await ledger.hear(registered, order)
    await ledger.hear(registered, registered, order, order)
    assert await ledger.proof() == before
    assert await ledger.told() == EVENTS_OF_ONE


async def test_an_order_may_come_before_its_customer(ledger, story):
    registered, order = story.registered(), story.placed("ord_1", 1_000)
    await ledger.hear(order)
    assert await ledger.member("cus_1") == (10, 10)
    early = await ledger.proof()
    await ledger.hear(registered)
    assert await ledger.told() == [("cus_1", "points_accrued", 1), ("cus_1", "member_enrolled", 2)]
    assert (await ledger.proof()).checksum != early.checksum


async def test_any_order_of_registration_and_orders_ends_the_same(empty_ledger, story):
    events = [story.registered(), story.placed("ord_1", 1_050), story.placed("ord_2", 250, on=4), story.registered("cus_2")]
    checksums = set()
    for turned in (events, events[::-1], events[2:] + events[:2], [events[1], events[2], events[0], events[3]]):
        async with empty_ledger() as ledger:
            await ledger.hear(*turned)
            checksums.add((await ledger.proof()).checksum)
    assert len(checksums) == 1


@pytest.mark.parametrize("amount", [0, 99, -500])
async def test_an_order_that_earns_nothing_is_remembered_without_a_posting(ledger, story, amount):
    await ledger.hear(story.placed("ord_1", amount))
    assert await ledger.told() == []
    assert await ledger.fetch("SELECT FROM entries") == []
    [row] = await ledger.fetch("SELECT amount_minor, lot_id FROM orders")
    assert (row["amount_minor"], row["lot_id"]) == (amount, None)
    assert is_sound(await ledger.proof())


async def test_events_of_one_member_in_a_batch_are_numbered_in_the_order_told(ledger, story):
    await ledger.hear(story.registered("cus_2"))
    orders = [story.placed(f"ord_{n}", 100 * n, customer=f"cus_{1 + n % 2}", on=20 - n) for n in range(1, 7)]
    await ledger.hear(*orders)
    accrued = [(customer, sequence) for customer, kind, sequence in await ledger.told() if kind == "points_accrued"]
    assert accrued == [("cus_2", 2), ("cus_1", 1), ("cus_2", 3), ("cus_1", 2), ("cus_2", 4), ("cus_1", 3)]
    entries = await ledger.fetch("SELECT payload::jsonb AS told FROM event_log WHERE type LIKE '%accrued%' ORDER BY position")
    assert [row["told"]["order_id"] for row in entries] == [order.order_id for order in orders]
    versions = await ledger.fetch("SELECT version FROM members ORDER BY customer_id")
    assert [row["version"] for row in versions] == [3, 4]


async def test_a_batch_that_is_partly_known_posts_the_rest(ledger, story):
    orders = [story.placed(f"ord_{n}", 100 * n) for n in range(1, 6)]
    await ledger.hear(orders[1], story.registered(), orders[3])
    await ledger.hear(*orders)
    assert await ledger.member("cus_1") == (15, 15)
    assert [sequence for _, _, sequence in await ledger.told()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    "other",
    [{"amount_minor": 1_001}, {"customer_id": "cus_2"}, {"placed_at": "2026-02-02T00:00:00Z"}],
    ids=["amount", "customer", "date"],
)
async def test_one_order_told_in_two_ways_is_refused(ledger, story, other):
    order = story.placed("ord_1", 1_000)
    contradicting = type(order).model_validate(order.model_dump() | other)
    with pytest.raises(ContradictingEvent):
        await ledger.hear(order, contradicting)
    await ledger.hear(order)
    with pytest.raises(ContradictingEvent):
        await ledger.hear(contradicting)
    assert await ledger.member("cus_1") == (10, 10)


@pytest.mark.parametrize(
    "value",
    [
        {"amount_minor": 10**15 + 1},
        {"amount_minor": -(10**30)},
        {"placed_at": "2026-01-01T00:00:00"},
        {"placed_at": "0001-01-01T00:00:00+02:00"},
        {"customer_id": "cus_\0"},
        {"order_id": ""},
    ],
    ids=["too much", "too little", "no zone", "before trade", "NUL", "no id"],
)
async def test_a_malformed_order_is_refused_for_good(ledger, story, value):
    malformed = type(order := story.placed("ord_1", 1_000)).model_validate(order.model_dump() | value)
    with pytest.raises(UnusableEvent):
        await ledger.hear(malformed)
    assert await ledger.fetch("SELECT FROM members") == []


async def test_a_malformed_registration_is_refused_for_good(ledger, story):
    malformed = story.registered("cus_\0")
    with pytest.raises(UnusableEvent):
        await ledger.hear(malformed)


async def test_the_greatest_order_is_exact(ledger, story):
    await ledger.hear(story.placed("ord_1", 10**15))
    assert await ledger.member("cus_1") == (10**13, 10**13)


async def test_an_order_keeps_the_rate_of_its_day(ledger, story):
    await ledger.fetch(
        "INSERT INTO programme_rates (programme_id, version, numerator, denominator, effective_from)"
        " SELECT id, 2, 17, 1000, '2026-01-05T00:00Z' FROM programmes"
    )
    await ledger.hear(story.placed("ord_old", 10_000, on=1), story.placed("ord_new", 10_000, on=5))
    assert await ledger.entries("cus_1") == [("accrual", "ord_old", 100), ("accrual", "ord_new", 170)]
