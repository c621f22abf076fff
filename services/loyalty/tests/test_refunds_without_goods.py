"""Money that goes back while the goods stay takes back the points that were earned by it, and only these."""

from itertools import permutations

import pytest
from test_earning import BASE, DOUBLE, TEA, back, basket, publish

from loyalty.verification.rules import is_sound


def refunded(order, name, *lines, story):
    """A refund of the money of some articles; no piece comes back."""
    return back(order, name, *((sku, 0, amount) for sku, amount in lines), story=story).model_copy(update={"kind": "refund"})


async def test_without_rules_the_rate_gives_what_the_rest_earns(ledger, story):
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order, refunded(order, "ret_1", ("A", 250), story=story))
    assert await ledger.member("cus_1") == (7, 7)
    assert is_sound(await ledger.proof())


async def test_rules_give_what_they_would_have_for_the_lower_price_of_the_same_goods(ledger, story):
    await publish(ledger, BASE, DOUBLE, TEA)
    order = basket("ord_1", ("tea", 3, 900), ("cup", 1, 600), story=story)
    await ledger.hear(order)
    # 30 of the goods and 5 for each piece of tea, all of it twice above 1,000.
    assert await ledger.member("cus_1") == (90, 90)
    await ledger.hear(refunded(order, "ret_1", ("tea", 300), ("cup", 200), story=story))
    assert await ledger.member("cus_1") == (70, 70)
    # Below the limit of the multiplier; the tea stays.
    await ledger.hear(refunded(order, "ret_2", ("cup", 100), story=story))
    assert await ledger.member("cus_1") == (33, 33)
    assert is_sound(await ledger.proof())


async def test_refund_return_and_order_end_the_same_in_any_order(empty_ledger, story):
    order = basket("ord_1", ("tea", 3, 900), ("cup", 1, 600), story=story)
    told = [order, refunded(order, "ret_1", ("tea", 300), story=story), back(order, "ret_2", ("tea", 1, 200), story=story)]
    ends = set()
    for turned in permutations(told):
        async with empty_ledger() as ledger:
            await publish(ledger, BASE, TEA)
            for event in turned:
                await ledger.hear(event, event)
            ends.add(await ledger.member("cus_1"))
            assert is_sound(await ledger.proof())
    assert ends == {(30, 30)}


@pytest.mark.parametrize("rules", [(), (BASE,)])
async def test_a_refund_of_shipping_takes_no_point(ledger, story, rules):
    await publish(ledger, *rules)
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order)
    before = await ledger.member("cus_1")
    await ledger.hear(refunded(order, "ret_1", story=story))
    assert await ledger.member("cus_1") == before
