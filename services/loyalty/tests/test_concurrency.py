"""Several workers on one ledger: the same events at the same time, and nothing is lost, doubled or stuck."""

import asyncio
from random import Random

from loyalty.ledger.service import accrue
from loyalty.verification.rules import is_sound
from shared.database.unit_of_work import UnitOfWork

WORKERS = 6


async def test_workers_that_hear_the_same_events_at_once_post_each_once(committed_ledger, story):
    customers = [f"cus_{n}" for n in range(20)]
    orders = [story.placed(f"ord_{n}", 137 * n, customers[n % 20], on=n % 28) for n in range(200)]
    returns = [story.returned(order, f"ret_{n}", order.amount_minor // 3) for n, order in enumerate(orders)]
    registrations = [story.registered(customer) for customer in customers]

    async def work(seed: int) -> None:
        random = Random(seed)
        for kind in random.sample([registrations, orders, returns], 3):
            shuffled = random.sample(kind, len(kind))
            for start in range(0, len(shuffled), 50):
                await committed_ledger.hear(*shuffled[start : start + 50])

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(seed) for seed in range(WORKERS)))
    proof = await committed_ledger.proof()
    assert is_sound(proof)
    assert proof.totals.points_outstanding == sum((order.amount_minor - order.amount_minor // 3) // 100 for order in orders)
    for customer in customers:
        numbers = [sequence for told, _, sequence in await committed_ledger.told() if told == customer]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


async def test_posts_about_different_members_do_not_wait_for_each_other(committed_database, committed_ledger, story):
    """Every accrual takes its points from the one programme's account, which must not make them queue."""
    async with UnitOfWork(committed_database) as unfinished:
        await accrue(unfinished, [story.placed("ord_held", 500, "cus_held")])
        async with asyncio.timeout(5):
            await committed_ledger.hear(story.placed("ord_1", 1_000, "cus_free"))
    assert await committed_ledger.member("cus_free") == (10, 10)
    assert is_sound(await committed_ledger.proof())
