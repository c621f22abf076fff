"""Returns take back what they must: in parts, in any order, before their order, once."""

from itertools import permutations

import pytest

from loyalty.ledger.errors import ContradictingEvent, UnusableEvent
from loyalty.verification.rules import is_sound


async def test_a_return_takes_back_what_the_order_no_longer_earns(ledger, story):
    order = story.placed("ord_1", 1_250)
    await ledger.hear(story.registered(), order, story.returned(order, "ret_1", 300))
    assert await ledger.entries("cus_1") == [("accrual", "ord_1", 12), ("reversal", "ord_1", -3)]
    assert await ledger.member("cus_1") == (9, 9)
    assert await ledger.told() == [("cus_1", "member_enrolled", 1), ("cus_1", "points_accrued", 2), ("cus_1", "points_reversed", 3)]
    [reversal] = await ledger.fetch("SELECT payload::jsonb AS told FROM event_log WHERE type LIKE '%reversed%'")
    assert (reversal["told"]["points"], reversal["told"]["occurred_at"]) == (3, "2026-01-10T09:30:00Z")


async def test_a_return_told_twice_takes_once(ledger, story):
    order = story.placed("ord_1", 1_250)
    back = story.returned(order, "ret_1", 300)
    await ledger.hear(order, back, back)
    before = await ledger.proof()
    await ledger.hear(back)
    assert await ledger.proof() == before
    assert before.totals.points_outstanding == 9


async def test_returns_of_one_order_in_one_batch_add_up(ledger, story):
    order, other = story.placed("ord_1", 210), story.placed("ord_2", 500)
    parts = [story.returned(order, "ret_1", 20), story.returned(other, "ret_2", 1), story.returned(order, "ret_3", 100, total=120)]
    await ledger.hear(order, other)
    await ledger.hear(*parts)
    # 2.10 keeps 1.90, then 0.90: one point each time; 5.00 keeps 4.99.
    assert await ledger.member("cus_1") == (4, 4)
    assert [sequence for _, _, sequence in await ledger.told()] == [1, 2, 3, 4, 5]
    assert is_sound(await ledger.proof())


async def test_a_return_that_costs_no_point_makes_no_entry_but_counts(ledger, story):
    order = story.placed("ord_1", 250)
    await ledger.hear(order, story.returned(order, "ret_1", 50))
    assert await ledger.member("cus_1") == (2, 2)
    await ledger.hear(story.returned(order, "ret_2", 1, total=51))
    assert await ledger.member("cus_1") == (1, 1)


async def test_a_return_of_an_order_without_points_is_remembered(ledger, story):
    order = story.placed("ord_1", 99)
    await ledger.hear(order, story.returned(order, "ret_1", 99))
    assert await ledger.told() == []
    assert is_sound(await ledger.proof())


async def test_orders_and_their_returns_end_the_same_in_any_order(empty_ledger, story):
    order = story.placed("ord_1", 1_000)
    parts = [story.returned(order, f"ret_{n}", amount) for n, amount in enumerate((150, 160, 690))]
    events = [story.registered(), order, *parts]
    checksums = set()
    for turned in list(permutations(events))[::5]:
        async with empty_ledger() as ledger:
            await ledger.hear(*turned)
            assert await ledger.member("cus_1") == (0, 0)
            proof = await ledger.proof()
            assert is_sound(proof)
            checksums.add(proof.checksum)
    assert len(checksums) == 1


async def test_a_return_before_its_order_is_as_one_after_it(empty_ledger, story):
    order = story.placed("ord_1", 1_000)
    back = story.returned(order, "ret_1", 250)
    async with empty_ledger() as ledger:
        await ledger.hear(back)
        assert await ledger.entries("cus_1") == [("accrual", "ord_1", 10), ("reversal", "ord_1", -3)]
        await ledger.hear(order)
        assert await ledger.member("cus_1") == (7, 7)
        late = await ledger.proof()
    async with empty_ledger() as ledger:
        await ledger.hear(order, back)
        assert await ledger.proof() == late


async def test_more_returned_than_bought_leaves_nothing_and_no_debt(ledger, story):
    order = story.placed("ord_1", 500)
    await ledger.hear(order, story.returned(order, "ret_1", 400), story.returned(order, "ret_2", 400, total=800))
    assert await ledger.member("cus_1") == (0, 0)
    assert is_sound(await ledger.proof())


@pytest.mark.parametrize("other", [{"amount_minor": 301}, {"order_amount_minor": 2_000}, {"customer_id": "cus_2"}], ids=str)
async def test_one_return_told_in_two_ways_is_refused(ledger, story, other):
    order = story.placed("ord_1", 1_250)
    back = story.returned(order, "ret_1", 300)
    contradicting = type(back).model_validate(back.model_dump() | other)
    with pytest.raises(ContradictingEvent):
        await ledger.hear(back, contradicting)
    await ledger.hear(order, back)
    with pytest.raises(ContradictingEvent):
        await ledger.hear(contradicting)
    assert await ledger.member("cus_1") == (9, 9)


@pytest.mark.parametrize("value", [{"amount_minor": -1}, {"return_id": "ret_\0"}, {"returned_at": "2026-01-01T00:00:00"}], ids=str)
async def test_a_malformed_return_is_refused_for_good(ledger, story, value):
    back = story.returned(story.placed("ord_1", 1_000), "ret_1", 100)
    with pytest.raises(UnusableEvent):
        await ledger.hear(type(back).model_validate(back.model_dump() | value))
    assert await ledger.fetch("SELECT FROM members") == []
