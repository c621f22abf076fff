"""Any history, in any order, in any batches and told any number of times, ends as a brute-force model says."""

from collections import defaultdict
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loyalty.verification.rules import is_sound
from shared.contracts.customers import CustomerRegistered, OrderPlaced, OrderReturned

CUSTOMERS = 4


@st.composite
def histories(draw, story):
    """Events of a few customers; the returns of an order never exceed it."""
    events = [story.registered(f"cus_{n}") for n in range(draw(st.integers(0, CUSTOMERS)))]
    for number in range(draw(st.integers(0, 8))):
        customer = f"cus_{draw(st.integers(0, CUSTOMERS - 1))}"
        order = story.placed(f"ord_{number}", draw(st.integers(0, 1_200)), customer, on=draw(st.integers(0, 30)))
        events.append(order)
        left = order.amount_minor
        for part in range(draw(st.integers(0, 3))):
            amount = draw(st.integers(0, left))
            left -= amount
            events.append(story.returned(order, f"ret_{number}_{part}", amount))
    return events


def expected(events):
    """Return each customer's balance, counted the slow way: a point for each hundredth coin of what he kept."""
    amounts = {event.order_id: event.amount_minor for event in events if isinstance(event, OrderPlaced)}
    for event in events:
        if isinstance(event, OrderReturned):
            amounts[event.order_id] -= event.amount_minor
    balances = defaultdict(int)
    for event in events:
        if isinstance(event, OrderPlaced):
            balances[event.customer_id] += sum(1 for coin in range(1, amounts[event.order_id] + 1) if coin % 100 == 0)
        elif isinstance(event, CustomerRegistered):
            balances[event.customer_id] += 0
    return dict(balances)


async def outcome(ledger, batches):
    for batch in batches:
        await ledger.hear(*batch)
    proof = await ledger.proof()
    assert is_sound(proof), proof
    rows = await ledger.fetch("SELECT customer_id, version FROM members")
    told = await ledger.told()
    for row in rows:
        numbers = [sequence for customer, _, sequence in told if customer == row["customer_id"]]
        assert numbers == list(range(1, row["version"] + 1))
    return {row["customer_id"]: await ledger.member(row["customer_id"]) for row in rows}, proof


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), seed=st.integers(0, 2**32))
async def test_any_order_any_batches_any_repetition(empty_ledger, story, data, seed):
    events = data.draw(histories(story))
    random = Random(seed)
    shuffled = random.sample(events, len(events)) + random.choices(events, k=len(events) // 2 if events else 0)
    by_type = sorted(shuffled, key=lambda event: event.type)
    async with empty_ledger() as ledger:
        balances, alone = await outcome(ledger, [[event] for event in events])
    assert {customer: points for customer, (points, _) in balances.items()} == expected(events)
    assert all(balance == lifetime for balance, lifetime in balances.values())
    for batches in ([by_type], [by_type[::-1]], [[event] for event in shuffled], [shuffled[::2], shuffled[1::2]]):
        async with empty_ledger() as ledger:
            others, proof = await outcome(ledger, batches)
        assert others == balances
        assert proof.checksum == alone.checksum
        assert proof.totals.points_outstanding == alone.totals.points_outstanding


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
async def test_the_checksum_knows_no_ids_but_every_difference(empty_ledger, story, data):
    events = data.draw(histories(story).filter(lambda drawn: any(isinstance(e, OrderPlaced) and e.amount_minor >= 100 for e in drawn)))
    renamed = [
        type(event).model_validate({name: f"{value}_x" if name.endswith("_id") else value for name, value in event.model_dump().items()})
        for event in events
    ]
    more = [*events, story.placed("ord_more", 100, "cus_0", on=40)]
    checksums = []
    for told in (events, renamed, more):
        async with empty_ledger() as ledger:
            checksums.append((await outcome(ledger, [told]))[1].checksum)
    assert checksums[0] == checksums[1] != checksums[2]
