"""What comes back of an order whose points are spent, held or expired; and that the order in which it comes back never matters."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.holds import service as holds
from loyalty.ledger import service
from loyalty.ledger.rules import Draw, Grant, Restoration
from loyalty.verification.rules import is_sound
from shared.contracts.customers import OrderCancelled
from shared.contracts.loyalty import PointsRestored
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import expect

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
POLICIES = ("only_pending", "within_balance", "allow_negative")


def cancelled(order, returned=0):
    return OrderCancelled(
        order_id=order.order_id,
        customer_id=order.customer_id,
        placed_at=order.placed_at,
        cancelled_at=NOW,
        reason="cancelled",
        currency="EUR",
        order_amount_minor=order.amount_minor,
        returned_total_minor=returned,
    )


async def spend(ledger, points, source="red_1", customer="cus_1"):
    async with UnitOfWork(ledger.database) as uow:
        [outcome] = await service.draw(uow, [Draw(customer, points, source)])
        await uow.commit()
    assert outcome.status == "posted"


async def balance(ledger, customer="cus_1"):
    return (await ledger.member(customer))[0]


@pytest.mark.parametrize(("policy", "left", "lifetime"), [("only_pending", 4, 10), ("within_balance", 0, 6), ("allow_negative", -6, 0)])
async def test_the_policy_says_what_a_return_of_spent_points_takes(ledger, story, policy, left, lifetime):
    await ledger.fetch("UPDATE programmes SET refund_policy = $1", policy)
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order)
    await spend(ledger, 6)
    await ledger.hear(story.returned(order, "ret_1", 1_000))
    assert await ledger.member("cus_1") == (left, lifetime)
    assert is_sound(await ledger.proof())


async def test_what_is_owed_is_paid_by_what_comes_next(ledger, story, client):
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order)
    await spend(ledger, 10)
    await ledger.hear(story.returned(order, "ret_1", 1_000))
    assert (await client.get("/v1/members/cus_1")).json()["balance"] == -10
    await ledger.hear(story.placed("ord_2", 700))
    assert await balance(ledger) == -3
    async with UnitOfWork(ledger.database) as uow:
        await service.grant(uow, [Grant("cus_1", 5, "src_1", NOW)])
        await uow.commit()
    assert await balance(ledger) == 2
    await spend(ledger, 2, "red_2")
    assert is_sound(await ledger.proof())


async def test_goods_that_come_back_after_their_points_expired_cost_nothing_else(empty_ledger, story):
    """Whether the return or the booking of the expiry comes first, the member and the accounts end the same."""
    ends = []
    for books_first in (True, False):
        async with empty_ledger() as ledger:
            order = story.placed("ord_1", 1_000)
            await ledger.hear(order, story.placed("ord_2", 500))
            await ledger.fetch("GRANT ALL ON lots TO CURRENT_USER")
            await ledger.fetch("UPDATE lots SET expires_at = $1 WHERE granted = 10", NOW - DAY)
            for step in ("book", "return") if books_first else ("return", "book"):
                if step == "return":
                    await ledger.hear(story.returned(order, "ret_1", 400))
                else:
                    async with UnitOfWork(ledger.database) as uow:
                        await service.book_expiries(uow, 10)
                        await uow.commit()
            totals = (await ledger.proof()).totals
            ends.append((await ledger.member("cus_1"), totals.points_expired, totals.points_reversed, totals.points_outstanding))
    assert ends[0] == ends[1] == ((5, 11), 6, 4, 5)


async def test_held_points_stay_held_and_the_member_owes(ledger, story):
    order = story.placed("ord_1", 1_000)
    await ledger.hear(order)
    async with UnitOfWork(ledger.database) as uow:
        hold = await holds.place(uow, "cus_1", 10, seconds=60)
        await uow.commit()
    await ledger.hear(story.returned(order, "ret_1", 1_000))
    assert await balance(ledger) == -10
    async with UnitOfWork(ledger.database) as uow:
        await holds.void(uow, hold.id)
        await uow.commit()
    assert await balance(ledger) == 0
    assert is_sound(await ledger.proof())


async def test_a_cancellation_is_a_return_of_all_that_is_left_however_often_and_whenever_it_comes(empty_ledger, story):
    order = story.placed("ord_1", 1_000)
    events = [story.registered(), order, story.returned(order, "ret_1", 250), cancelled(order, 250)]
    checksums = set()
    for turned in permutations(events):
        async with empty_ledger() as ledger:
            await ledger.hear(*turned, turned[-1], events[3])
            assert await ledger.member("cus_1") == (0, 0), turned
            proof = await ledger.proof()
            assert is_sound(proof), proof.findings
            checksums.add(proof.checksum)
    assert len(checksums) == 1


async def test_spent_points_come_back_to_their_lots_in_parts(ledger):
    async with UnitOfWork(ledger.database) as uow:
        await service.grant(
            uow, [Grant("cus_1", 10, "src_1", NOW, expires_at=NOW + DAY), Grant("cus_1", 10, "src_2", NOW, expires_at=NOW + 9 * DAY)]
        )
        await service.draw(uow, [Draw("cus_1", 15, "red_1")])
        await uow.commit()
    async with expect(ledger.database, PointsRestored, PointsRestored) as told, UnitOfWork(ledger.database) as uow:
        outcomes = await service.restore(
            uow,
            [
                Restoration("red_1", "res_1", 7),
                Restoration("red_1", "res_1", 7),
                Restoration("red_1", "res_2", 9),
                Restoration("red_1", "res_3"),
            ],
        )
        await uow.commit()
    assert [(outcome.status, outcome.spendable) for outcome in outcomes] == [
        ("posted", None),
        ("known", None),
        ("exceeds", 8),
        ("posted", None),
    ]
    assert [event.points for event in told] == [7, 8]
    rows = await ledger.fetch("SELECT remaining, granted FROM lots")
    assert all(row["remaining"] == row["granted"] for row in rows)
    assert is_sound(await ledger.proof())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    orders=st.lists(st.integers(100, 900), min_size=1, max_size=3),
    parts=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 300)), min_size=1, max_size=6),
    spent=st.integers(0, 20),
    policy=st.sampled_from(POLICIES),
    random=st.randoms(use_true_random=False),
)
async def test_any_order_of_partial_returns_of_spent_points_ends_the_same(empty_ledger, story, orders, parts, spent, policy, random):
    placed = [story.placed(f"ord_{number}", amount, on=number) for number, amount in enumerate(orders)]
    returns = [story.returned(placed[which % len(placed)], f"ret_{number}", amount) for number, (which, amount) in enumerate(parts)]
    ends = []
    for turned in (returns, returns[::-1], random.sample(returns, len(returns))):
        async with empty_ledger() as ledger:
            await ledger.fetch("UPDATE programmes SET refund_policy = $1", policy)
            await ledger.hear(*placed)
            await spend(ledger, max(1, min(spent, await balance(ledger))))
            if turned is returns:
                await ledger.hear(*turned)
            else:
                for event in turned:
                    await ledger.hear(event)
            assert is_sound(await ledger.proof())
            lots = await ledger.fetch("SELECT earned_at, granted, remaining FROM lots ORDER BY earned_at, granted")
            ends.append((await ledger.member("cus_1"), [tuple(row) for row in lots if row["remaining"] != 0]))
    assert ends[0] == ends[1] == ends[2]


async def test_the_worked_example_of_the_guide(ledger):
    march, april = NOW + 30 * DAY, NOW + 60 * DAY
    async with UnitOfWork(ledger.database) as uow:
        await service.grant(uow, [Grant("cus_1", 40, "src_1", NOW, expires_at=march), Grant("cus_1", 10, "src_2", NOW)], at=NOW)
        await service.draw(uow, [Draw("cus_1", 45, "rdm_1")], at=NOW)
        await service.restore(uow, [Restoration("rdm_1", "rdm_1:half", 20)], at=april)
        [all_of_it] = await service.draw(uow, [Draw("cus_1", 11, "rdm_2")], at=april)
        assert (all_of_it.status, all_of_it.spendable) == ("insufficient", 10)
        await service.book_expiries(uow, 10, at=april)
        await uow.commit()
    totals = (await ledger.proof()).totals
    assert (totals.points_issued, totals.points_spent, totals.points_expired, totals.points_outstanding) == (50, 25, 15, 10)
