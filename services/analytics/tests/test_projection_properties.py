"""The roll-ups equal a recomputation from the final set of events, whatever happened on the way."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

from analytics_events import cancelled, erased, merged, received, send, unmerged
from analytics_recomputation import recomputed, stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.app import SERVICE
from analytics.history import repository as history_repository
from analytics.history.repository import HistoryRepository
from analytics.history.service import checksum, reset_projection
from shared.contracts.customers import CustomerRegistered, CustomerUpdated, Line, OrderPlaced, OrderReturned
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import MemberEnrolled, PointsAccrued, PointsReversed
from shared.database.unit_of_work import UnitOfWork
from shared.ids import new_id
from shared.testing.bus import deliver, message

_CUSTOMERS = ("cus_a", "cus_b", "cus_c", "cus_d")
_START = datetime(2025, 12, 30, tzinfo=UTC)
# Moments where the definitions turn: midnight, ends of months, a leap year's end, and exactly 24 hours or 30 days apart.
_MOMENTS = st.one_of(
    st.integers(0, 75 * 86_400).map(lambda seconds: _START + timedelta(seconds=seconds)),
    st.integers(0, 75).map(lambda days: _START + timedelta(days=days)),
    st.integers(0, 3).map(lambda periods: _START + timedelta(days=30 * periods)),
    st.integers(1, 3).map(lambda periods: _START + timedelta(days=30 * periods, microseconds=-1)),
)
_AMOUNTS = st.integers(0, 5_000)


@st.composite
def histories(draw):
    """A consistent set of events, each once, with its sequence."""
    events = []
    for number in range(draw(st.integers(0, 12))):
        placed = OrderPlaced(
            order_id=f"ord_{number}",
            customer_id=draw(st.sampled_from(_CUSTOMERS)),
            placed_at=draw(_MOMENTS),
            currency=draw(st.sampled_from(["USD", "USD", "EUR"])),
            amount_minor=draw(_AMOUNTS),
            lines=[Line(sku="cd", quantity=1, amount_minor=1)],
        )
        events.append(received(placed, 1))
        returns = draw(st.integers(0, 2))
        events.extend(_returns_of(placed, returns, number))
        if draw(st.integers(0, 3)) == 0:
            events.append(received(cancelled(placed), 2 + returns))
    events.extend(_customer_events(draw))
    events.extend(_points_and_responses(draw))
    events.extend(_links_and_erasures(draw))
    return events


def _links_and_erasures(draw):
    """Merges and undone merges that could happen one after the other, and then, sometimes, the erasure of a family."""
    links: dict[str, str] = {}
    sequences = dict.fromkeys(_CUSTOMERS, 0)
    for _ in range(draw(st.integers(0, 8))):
        customer_id = draw(st.sampled_from(_CUSTOMERS))
        if customer_id in links:
            event = unmerged(customer_id, links.pop(customer_id))
        else:
            others = [other for other in _CUSTOMERS if _root(links, other) != customer_id]
            if not others:
                continue
            links[customer_id] = draw(st.sampled_from(others))
            event = merged(customer_id, links[customer_id])
        sequences[customer_id] += 1
        yield received(event, sequences[customer_id])
    for customer_id in draw(st.sets(st.sampled_from(_CUSTOMERS), max_size=1)):
        root = _root(links, customer_id)
        yield received(erased(root, *(one for one in _CUSTOMERS if one != root and _root(links, one) == root)))


def _root(links: dict[str, str], customer_id: str) -> str:
    while customer_id in links:
        customer_id = links[customer_id]
    return customer_id


def _returns_of(placed, count, number):
    for turn in range(count):
        yield received(
            OrderReturned(
                return_id=f"ret_{number}_{turn}",
                order_id=placed.order_id,
                customer_id=placed.customer_id,
                placed_at=placed.placed_at,
                returned_at=placed.placed_at + timedelta(days=turn),
                currency=placed.currency,
                amount_minor=placed.amount_minor // 2,
                order_amount_minor=placed.amount_minor,
                returned_total_minor=placed.amount_minor // 2 * (turn + 1),
                lines=[],
            ),
            2 + turn,
        )


def _customer_events(draw):
    for customer_id in draw(st.sets(st.sampled_from(_CUSTOMERS))):
        yield received(CustomerRegistered(customer_id=customer_id, kind="individual", registered_at=_START), 1)
        for sequence in range(2, draw(st.integers(2, 4))):
            country = draw(st.sampled_from(["LV", "DE", None]))
            yield received(
                CustomerUpdated(customer_id=customer_id, changed=["country"], kind="individual", country=country, updated_at=_START),
                sequence,
            )


def _points_and_responses(draw):
    for number, customer_id in enumerate(draw(st.sets(st.sampled_from(_CUSTOMERS)))):
        yield received(MemberEnrolled(customer_id=customer_id, enrolled_at=draw(_MOMENTS)), 1)
        earned = PointsAccrued(
            entry_id=f"ent_{number}", customer_id=customer_id, points=draw(st.integers(1, 99)), reason="order", occurred_at=draw(_MOMENTS)
        )
        yield received(earned, 2)
        if draw(st.booleans()):
            taken = PointsReversed(
                entry_id=f"ent_{number}_back", customer_id=customer_id, points=earned.points, reason="return", occurred_at=draw(_MOMENTS)
            )
            yield received(taken, 3)
    for number in range(draw(st.integers(0, 5))):
        yield received(
            ResponseRecorded(
                response_id=f"rsp_{number}",
                subject_id=f"rsp_{number}",
                customer_id=draw(st.sampled_from([None, *_CUSTOMERS])),
                question="nps",
                score=draw(st.integers(0, 10)),
                channel=draw(st.sampled_from([None, "app"])),
                has_comment=False,
                answered_at=draw(_MOMENTS),
            )
        )


async def _fingerprint(database) -> str:
    async with database.acquire() as connection:
        return (await checksum(HistoryRepository(connection))).sha256


# Each TRUNCATE of a reset leaves new files behind until the test's transaction ends; between stories rows are deleted instead.
_DELETE = "; ".join(f"DELETE FROM {table.strip()}" for table in [*history_repository._EMPTIED_TABLES.split(","), "erased_customers"])


async def _emptied(database, *, as_by_rebuild: bool = False) -> None:
    async with UnitOfWork(database) as uow:
        if as_by_rebuild:
            await reset_projection(uow)
        else:
            await uow.connection.execute(_DELETE)
            await uow.connection.execute(history_repository._FORGET_LATEST)
        await uow.commit()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=histories(),
    seed=st.integers(0, 2**32),
    duplicates=st.integers(0, 8),
    cuts=st.lists(st.integers(1, 12), min_size=1),
    rebuilt=st.booleans(),
)
async def test_any_order_any_duplication_any_batches_equal_a_recomputation(database, history, seed, duplicates, cuts, rebuilt):
    await _emptied(database)
    await send(database, history)
    assert await stored(database) == recomputed(one.event for one in history)
    in_order = await _fingerprint(database)

    await _emptied(database, as_by_rebuild=rebuilt)
    dice = random.Random(seed)
    disorder = history + dice.choices(history, k=duplicates if history else 0)
    dice.shuffle(disorder)
    start, turn = 0, 0
    while start < len(disorder):
        size = cuts[turn % len(cuts)]
        await send(database, disorder[start : start + size])
        start, turn = start + size, turn + 1

    assert await stored(database) == recomputed(one.event for one in history)
    assert await _fingerprint(database) == in_order


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), seed=st.integers(0, 2**32), cut=st.integers(1, 20))
async def test_through_the_consumer_any_order_and_duplication_equal_a_recomputation(database, history, seed, cut):
    await _emptied(database)
    dice = random.Random(seed)
    messages = [message(one.event, one.envelope.sequence) for one in history]
    disorder = messages + dice.choices(messages, k=4 if messages else 0)
    dice.shuffle(disorder)
    # Each story has an inbox of its own.
    consumer = new_id("story")
    for start in range(0, len(disorder), cut):
        applied = await deliver(database, SERVICE, disorder[start : start + cut], consumer=consumer)
        assert (applied.dead, applied.malformed) == (0, 0)
    assert await stored(database) == recomputed(one.event for one in history)


async def test_concurrent_consumers_add_up_and_do_not_deadlock(committed_database):
    # All customers share one cohort and thus the same cells; each consumer has its own customers, as partitions give them.
    events = [
        [
            received(
                OrderPlaced(
                    order_id=f"ord_{consumer}_{number}",
                    customer_id=f"cus_{consumer}_{number % 7}",
                    placed_at=_START + timedelta(days=number % 40),
                    currency="USD",
                    amount_minor=100,
                    lines=[],
                )
            )
            for number in range(60)
        ]
        for consumer in range(4)
    ]

    async def consume(mine):
        for start in range(0, len(mine), 5):
            await send(committed_database, mine[start : start + 5])

    await asyncio.gather(*(consume(mine) for mine in events))

    assert await stored(committed_database) == recomputed(one.event for mine in events for one in mine)
