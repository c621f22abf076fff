"""Orders that earn by rules: once, in any order, less what came back, and never beyond a limit."""

import asyncio
from itertools import permutations
from random import Random
from typing import Any

import pytest

from loyalty.earning import returning
from loyalty.ledger.errors import ContradictingEvent, UnusableEvent
from loyalty.verification.rules import is_sound
from shared.contracts.customers import Line, OrderCancelled, OrderPlaced, OrderReturned
from shared.database.unit_of_work import UnitOfWork

_PUBLISH = """
INSERT INTO rule_versions (rule_id, version, terms, effective_from, published_at) VALUES ($1, 1, $2, $3::text::timestamptz, now())
"""
BASE = {"trigger": "order_placed", "effect": {"kind": "per_amount", "points": 2, "per": 100}}
DOUBLE = {"trigger": "order_placed", "effect": {"kind": "multiplier", "factor": "2"}, "condition": "event.amount_minor >= 1000"}
TEA = {"trigger": "order_placed", "effect": {"kind": "per_quantity", "points": 5, "categories": ["tea"]}}


async def publish(ledger, *some: dict[str, Any], since: str = "2020-01-01T00:00:00Z") -> list[str]:
    """Publish rules, as the interface does, and return their ids, which are in the order of the rules."""
    ids = [f"rul_{n}" for n in range(len(some))]
    for rule_id, terms in zip(ids, some, strict=True):
        await ledger.fetch("INSERT INTO rules (id, programme_id, name) SELECT $1, id, 'A rule' FROM programmes", rule_id)
        await ledger.fetch(_PUBLISH, rule_id, terms, since)
    return ids


def basket(order: str, *lines: tuple[str, int, int], customer: str = "cus_1", story: Any) -> OrderPlaced:
    """An order of `(category, quantity, amount)`; the article is named like its category."""
    plain = story.placed(order, sum(amount for _, _, amount in lines), customer)
    made = [Line(sku=name, quantity=quantity, amount_minor=amount, category=name) for name, quantity, amount in lines]
    return plain.model_copy(update={"lines": made})


def back(order: OrderPlaced, name: str, *lines: tuple[str, int, int], story: Any) -> OrderReturned:
    plain = story.returned(order, name, sum(amount for _, _, amount in lines))
    return plain.model_copy(update={"lines": [Line(sku=sku, quantity=quantity, amount_minor=amount) for sku, quantity, amount in lines]})


def cancelled(order: OrderPlaced) -> OrderCancelled:
    return OrderCancelled(
        order_id=order.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        cancelled_at=order.placed_at,
        reason="cancelled",
        currency="EUR",
        order_amount_minor=order.amount_minor,
        returned_total_minor=0,
    )


async def test_an_order_earns_by_each_rule_an_entry_of_its_own(ledger, story):
    await publish(ledger, BASE, DOUBLE, TEA)
    await ledger.hear(basket("ord_1", ("tea", 3, 900), ("cup", 1, 150), story=story))
    assert sorted(await ledger.entries("cus_1")) == [("accrual", "ord_1", 15), ("accrual", "ord_1", 21), ("accrual", "ord_1", 36)]
    rows = await ledger.fetch("SELECT source_id, rule_version, points FROM entries ORDER BY source_id")
    assert [tuple(row) for row in rows] == [("ord_1:rul_0", "rul_0@1", 21), ("ord_1:rul_1", "rul_1@1", 36), ("ord_1:rul_2", "rul_2@1", 15)]
    assert is_sound(await ledger.proof())


async def test_before_the_rules_began_the_rate_counts(ledger, story):
    await publish(ledger, BASE, since="2026-01-03T00:00:00Z")
    await ledger.hear(story.placed("ord_1", 1_000, on=1), story.placed("ord_2", 1_000, on=5))
    assert await ledger.entries("cus_1") == [("accrual", "ord_1", 10), ("accrual", "ord_2", 20)]
    assert is_sound(await ledger.proof())


async def test_an_order_that_is_known_stays_as_it_was_decided(ledger, story):
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order)
    await publish(ledger, BASE)
    await ledger.hear(order, story.returned(order, "ret_1", 500))
    assert await ledger.member("cus_1") == (5, 5)
    assert is_sound(await ledger.proof())


async def test_what_is_told_twice_happens_once(ledger, story):
    await publish(ledger, BASE, DOUBLE)
    order = story.placed("ord_1", 1_000)
    returned = back(order, "ret_1", ("A", 1, 500), story=story)
    await ledger.hear(order, order, returned)
    told, before = await ledger.told(), await ledger.proof()
    await ledger.hear(order, returned, returned)
    assert (await ledger.told(), await ledger.proof()) == (told, before)
    # Below the limit of the multiplier the order keeps 500 * 2 / 100 and no more.
    assert await ledger.member("cus_1") == (10, 10)


async def test_a_batch_of_many_members_earns_as_one_by_one(ledger, story):
    await publish(ledger, BASE, DOUBLE)
    await ledger.hear(*(story.placed(f"ord_{n}", 100 * n, f"cus_{n % 3}") for n in range(1, 21)))
    expected = [0, 0, 0]
    for n in range(1, 21):
        expected[n % 3] += 2 * n * (2 if n >= 10 else 1)
    assert [(await ledger.member(f"cus_{n}"))[0] for n in range(3)] == expected
    assert is_sound(await ledger.proof())


async def test_returns_leave_what_the_rest_would_have_earned_in_any_order(empty_ledger, story):
    order = basket("ord_1", ("tea", 3, 900), ("cup", 2, 600), story=story)
    parts = [("tea", 1, 300), ("cup", 1, 300), ("cup", 1, 300)]
    events = [order, *(back(order, f"ret_{n}", part, story=story) for n, part in enumerate(parts))]
    ends = set()
    for turned in permutations(events):
        async with empty_ledger() as ledger:
            await publish(ledger, BASE, DOUBLE, TEA)
            await ledger.hear(*turned)
            ends.add((await ledger.member("cus_1"))[0])
            assert is_sound(await ledger.proof())
    # 600 of tea in two pieces are left: 12 and 10; the multiplier counts no more.
    assert ends == {22}


async def test_a_cancelled_order_keeps_nothing_whatever_came_back_before_or_after(empty_ledger, story):
    order = basket("ord_1", ("tea", 3, 1_200), story=story)
    parts = [back(order, f"ret_{n}", ("tea", 1, 400), story=story) for n in range(2)]
    for turned in permutations([order, cancelled(order), *parts]):
        async with empty_ledger() as ledger:
            await publish(ledger, BASE, DOUBLE, TEA)
            await ledger.hear(*turned, cancelled(order))
            assert await ledger.member("cus_1") == (0, 0)
            assert is_sound(await ledger.proof())


async def test_where_less_earns_more_the_difference_is_given_and_taken(ledger, story):
    small = {"trigger": "order_placed", "effect": {"kind": "fixed", "points": 50}, "condition": "event.amount_minor < 1000"}
    await publish(ledger, BASE, small)
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order, back(order, "ret_1", ("A", 0, 200), story=story))
    assert (await ledger.member("cus_1"))[0] == 66
    await ledger.hear(back(order, "ret_2", ("A", 1, 800), story=story))
    assert (await ledger.member("cus_1"))[0] == 0
    assert is_sound(await ledger.proof())


async def test_a_customer_gets_no_more_than_his_limit_in_a_period(ledger, story):
    limited = {**BASE, "per_customer": {"points": 30, "period": "month"}}
    await publish(ledger, limited)
    orders = [story.placed(f"ord_{n}", 1_000, on=n) for n in (1, 2, 3)]
    await ledger.hear(*orders, story.placed("ord_4", 1_000, on=40), story.placed("ord_5", 1_000, "cus_2"))
    assert await ledger.entries("cus_1") == [("accrual", "ord_1", 20), ("accrual", "ord_2", 10), ("accrual", "ord_4", 20)]
    assert (await ledger.member("cus_2"))[0] == 20
    # What comes back is free for the next order of the month.
    await ledger.hear(story.returned(orders[0], "ret_1", 1_000), story.placed("ord_6", 1_000, on=5))
    assert (await ledger.member("cus_1"))[0] == 50
    assert is_sound(await ledger.proof())


async def test_a_budget_is_never_overrun_by_many_at_once(committed_ledger, story):
    await publish(committed_ledger, {**BASE, "budget": 105})
    places = asyncio.Semaphore(4)

    async def buy(n: int) -> None:
        async with places:
            await committed_ledger.hear(story.placed(f"ord_{n}", 500, f"cus_{n}"))

    await asyncio.gather(*(buy(n) for n in range(24)))
    [row] = await committed_ledger.fetch("SELECT sum(points)::int AS points, max(points) AS most, count(*) AS entries FROM entries")
    assert tuple(row) == (105, 10, 11)
    assert [r["points"] for r in await committed_ledger.fetch("SELECT points FROM rule_usage")] == [105]
    assert is_sound(await committed_ledger.proof())


async def test_workers_that_hear_the_same_orders_and_returns_at_once_end_as_one(committed_ledger, story):
    await publish(committed_ledger, BASE, DOUBLE)
    orders = [story.placed(f"ord_{n}", 137 * n, f"cus_{n % 7}", on=n % 28) for n in range(60)]
    returns = [story.returned(order, f"ret_{n}", order.amount_minor // 3) for n, order in enumerate(orders)]

    async def work(seed: int) -> None:
        random = Random(seed)
        for kind in random.sample([orders, returns], 2):
            shuffled = random.sample(kind, len(kind))
            for start in range(0, len(shuffled), 20):
                await committed_ledger.hear(*shuffled[start : start + 20])

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(seed) for seed in range(4)))
    left = [order.amount_minor - order.amount_minor // 3 for order in orders]
    proof = await committed_ledger.proof()
    assert is_sound(proof)
    assert proof.totals.points_outstanding == sum(amount * 2 // 100 * (2 if amount >= 1_000 else 1) for amount in left)


async def test_the_first_purchase_is_one(ledger, story):
    welcome = {"trigger": "order_placed", "effect": {"kind": "fixed", "points": 100}, "condition": "event.first_purchase"}
    await publish(ledger, welcome)
    await ledger.hear(story.placed("ord_2", 100, on=2), story.placed("ord_1", 100, on=1), story.placed("ord_9", 100, "cus_2"))
    await ledger.hear(story.placed("ord_3", 100, on=3))
    assert await ledger.entries("cus_1") == [("accrual", "ord_1", 100)]
    assert await ledger.entries("cus_2") == [("accrual", "ord_9", 100)]


async def test_points_can_wait_and_expire(ledger, story):
    await publish(ledger, {**BASE, "pending_days": 14, "expires_days": 365, "wallet": "tier_points"})
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order)
    [lot] = await ledger.fetch("SELECT wallet, available_from, expires_at FROM lots JOIN accounts ON accounts.id = account_id")
    assert (lot["wallet"], (lot["available_from"] - order.placed_at).days, (lot["expires_at"] - order.placed_at).days) == (
        "tier_points",
        14,
        365,
    )


async def test_orders_and_returns_told_in_two_ways_are_refused(ledger, story):
    await publish(ledger, BASE)
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order, story.returned(order, "ret_1", 100))
    for event in (story.placed("ord_1", 2_000), story.returned(order, "ret_1", 200)):
        with pytest.raises(ContradictingEvent):
            await ledger.hear(event)


@pytest.mark.parametrize("change", [{"amount_minor": 10**15 + 1}, {"customer_id": ""}], ids=str)
async def test_malformed_orders_are_refused_for_good(ledger, story, change):
    await publish(ledger, BASE)
    with pytest.raises(UnusableEvent):
        await ledger.hear(story.placed("ord_1", 100).model_copy(update=change))


async def test_settling_again_changes_nothing(ledger, story):
    await publish(ledger, BASE)
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order, story.returned(order, "ret_1", 300))
    before = await ledger.proof()
    async with UnitOfWork(ledger.database) as uow:
        await returning.settle(uow, ["ord_1"])
        await uow.commit()
    assert await ledger.proof() == before
