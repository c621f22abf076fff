"""The handlers behind the consumer's own inbox, version gate and dead letters."""

from loyalty.app import SERVICE
from loyalty.verification.rules import is_sound
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.testing.bus import deliver, expect, message


async def test_a_mixed_batch_is_told_in_order(database, ledger, story):
    order = story.placed("ord_1", 1_250)
    events = [(story.registered(), 1), (order, 1), (story.returned(order, "ret_1", 300), 2)]
    async with expect(database, MemberEnrolled, PointsAccrued, PointsReversed) as told:
        await deliver(database, SERVICE, events)
    assert [event.customer_id for event in told] == ["cus_1"] * 3
    assert await ledger.member("cus_1") == (9, 9)


async def test_the_same_messages_again_are_refused_by_the_inbox(database, ledger, story):
    order = story.placed("ord_1", 1_250)
    messages = [message(story.registered(), 1), message(order, 1), message(story.returned(order, "ret_1", 300), 2)]
    await deliver(database, SERVICE, messages)
    before = await ledger.proof()
    async with expect(database):
        again = await deliver(database, SERVICE, messages[::-1])
    assert (again.applied, again.duplicates) == (0, 3)
    assert await ledger.proof() == before


async def test_without_the_inbox_the_natural_keys_refuse_them(database, ledger, story):
    order = story.placed("ord_1", 1_250)
    events = [(story.registered(), 1), (order, 1), (story.returned(order, "ret_1", 300), 2)]
    await deliver(database, SERVICE, events)
    before = await ledger.proof()
    async with expect(database):
        await deliver(database, SERVICE, events, consumer="another")
    assert await ledger.proof() == before


async def test_a_return_that_arrives_early_waits_for_its_order(database, ledger, story):
    order = story.placed("ord_1", 1_250)
    early = await deliver(database, SERVICE, [(story.returned(order, "ret_1", 300), 2)])
    assert early.early == 1
    await deliver(database, SERVICE, [(order, 1)])
    assert await ledger.member("cus_1") == (9, 9)


async def test_a_malformed_order_waits_alone_and_others_flow(database, ledger, story):
    malformed = story.placed("ord_1", 10**15 + 1)
    orders = [story.placed(f"ord_{n}", 1_000, f"cus_{n}") for n in range(2, 6)]
    became = await deliver(database, SERVICE, [(orders[0], 1), (malformed, 1), *((order, 1) for order in orders[1:])])
    assert (became.applied, became.dead) == (4, 1)
    [letter] = await ledger.fetch("SELECT key, error FROM dead_letters")
    assert letter["key"] == "cus_1"
    assert "UnusableEvent" in letter["error"]
    proof = await ledger.proof()
    assert is_sound(proof)
    assert proof.totals.points_outstanding == 40


async def test_a_contradicting_order_becomes_a_dead_letter_and_changes_nothing(database, ledger, story):
    await deliver(database, SERVICE, [(story.placed("ord_1", 1_000), 1)])
    before = await ledger.proof()
    became = await deliver(
        database, SERVICE, [(story.placed("ord_1", 2_000), 1), (story.placed("ord_2", 500, "cus_2"), 1)], consumer="another"
    )
    assert (became.applied, became.dead) == (1, 1)
    assert await ledger.member("cus_1") == (10, 10)
    assert (await ledger.proof()).totals.points_outstanding == before.totals.points_outstanding + 5
