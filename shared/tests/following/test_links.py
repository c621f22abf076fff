"""Links of merged customers, against a dictionary that is walked by hand."""

import asyncio
import random
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.customers import CustomerMerged, CustomerUnmerged
from shared.database import alembic_env
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.following.links import Family, Moved, families, family, following_handlers, forget_all_links, forget_links
from shared.ids import new_uuid
from shared.messaging.handlers import PermanentError
from shared.testing.bus import deliver, message

AT = datetime(2026, 3, 2, tzinfo=UTC)
PEOPLE = ("cus_a", "cus_b", "cus_c", "cus_d", "cus_e")


def merged(merged_id: str, survivor_id: str) -> CustomerMerged:
    return CustomerMerged(merge_id=f"mrg_{merged_id}_{survivor_id}", survivor_id=survivor_id, merged_id=merged_id, merged_at=AT)


def unmerged(merged_id: str, survivor_id: str) -> CustomerUnmerged:
    return CustomerUnmerged(merge_id=f"mrg_{merged_id}_{survivor_id}", survivor_id=survivor_id, merged_id=merged_id, unmerged_at=AT)


def received(event: CustomerMerged | CustomerUnmerged, sequence: int) -> Received:
    return Received(event, Envelope(new_uuid(), event.type, "/tests", event.aggregate_id, event.key, sequence, AT))


class Follower:
    """Handlers that remember the roots that they were told of."""

    def __init__(self) -> None:
        self.roots: dict[str, str] = {}
        self.handlers = following_handlers(self._on_change)

    async def _on_change(self, _uow: UnitOfWork, moved: list[Moved]) -> None:
        for customer_id, from_root, to_root in moved:
            assert self.roots.get(customer_id, customer_id) == from_root
            self.roots[customer_id] = to_root

    async def hear(self, database, *batch: Received) -> None:
        async with UnitOfWork(database) as uow:
            for kind in (CustomerMerged, CustomerUnmerged):
                events = [one for one in batch if isinstance(one.event, kind)]
                if events:
                    await self.handlers[kind](uow, events)
            await uow.commit()


def root_of(links: dict[str, str], customer_id: str) -> str:
    while customer_id in links:
        customer_id = links[customer_id]
    return customer_id


async def told(database, ids=PEOPLE) -> dict[str, Family]:
    async with database.acquire() as connection:
        return await families(connection, ids)


def expected(links: dict[str, str], ids=PEOPLE) -> dict[str, Family]:
    roots = {one: root_of(links, one) for one in ids}
    return {
        one: Family(roots[one], [roots[one], *sorted(other for other in ids if roots[other] == roots[one] and other != roots[one])])
        for one in ids
    }


async def test_nobody_is_linked_at_first(database):
    async with database.acquire() as connection:
        assert await family(connection, "cus_a") == Family("cus_a", ["cus_a"])


async def test_a_chain_has_one_root_and_comes_apart_where_it_is_undone(database):
    follower = Follower()
    await follower.hear(database, received(merged("cus_c", "cus_b"), 1), received(merged("cus_b", "cus_a"), 1))
    assert (await told(database))["cus_c"] == Family("cus_a", ["cus_a", "cus_b", "cus_c"])
    await follower.hear(database, received(unmerged("cus_b", "cus_a"), 2))
    assert await told(database) == expected({"cus_c": "cus_b"})
    assert follower.roots == {"cus_c": "cus_b", "cus_b": "cus_b"}


@st.composite
def stories(draw):
    """A story of merges and undone merges that could happen, each customer's events numbered."""
    links: dict[str, str] = {}
    sequences = dict.fromkeys(PEOPLE, 0)
    story = []
    for _ in range(draw(st.integers(0, 14))):
        customer_id = draw(st.sampled_from(PEOPLE))
        if customer_id in links:
            event = unmerged(customer_id, links.pop(customer_id))
        else:
            others = [other for other in PEOPLE if root_of(links, other) != customer_id]
            if not others:
                continue
            links[customer_id] = draw(st.sampled_from(others))
            event = merged(customer_id, links[customer_id])
        sequences[customer_id] += 1
        story.append(received(event, sequences[customer_id]))
    return story, links


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told_of=stories(), seed=st.integers(0, 2**32), cut=st.integers(1, 6))
async def test_any_order_any_duplication_any_batches_end_in_the_same_families(database, told_of, seed, cut):
    story, links = told_of
    async with database.acquire() as connection:
        await forget_all_links(connection)
    follower = Follower()
    dice = random.Random(seed)
    disorder = story + dice.choices(story, k=3 if story else 0)
    dice.shuffle(disorder)
    for start in range(0, len(disorder), cut):
        await follower.hear(database, *disorder[start : start + cut])
    assert await told(database) == expected(links)
    assert {one: follower.roots.get(one, one) for one in PEOPLE} == {one: root_of(links, one) for one in PEOPLE}


async def test_a_ring_of_reordered_links_ends_and_comes_apart(database):
    follower = Follower()
    links = [merged("cus_b", "cus_c"), merged("cus_c", "cus_a"), merged("cus_a", "cus_b"), merged("cus_d", "cus_c")]
    for link in links:
        await follower.hear(database, received(link, 1))
    ring = Family("cus_a", ["cus_a", "cus_b", "cus_c", "cus_d"])
    assert await told(database, ring.ids) == dict.fromkeys(ring.ids, ring)
    await follower.hear(database, received(unmerged("cus_b", "cus_c"), 2))
    assert await told(database) == expected({"cus_c": "cus_a", "cus_a": "cus_b", "cus_d": "cus_c"})


async def test_through_the_consumer_once_and_twice(database):
    follower = Follower()
    messages = [message(merged("cus_b", "cus_a"), 1), message(unmerged("cus_b", "cus_a"), 2), message(merged("cus_b", "cus_c"), 3)]
    await deliver(database, follower.handlers, messages[::-1])
    await deliver(database, follower.handlers, messages)
    assert await told(database) == expected({"cus_b": "cus_c"})


async def test_a_customer_cannot_belong_to_himself(database):
    with pytest.raises(PermanentError):
        await Follower().hear(database, received(merged("cus_a", "cus_a"), 1))


async def test_erased_customers_leave_no_link_and_get_none(database):
    follower = Follower()
    await follower.hear(database, received(merged("cus_c", "cus_b"), 1), received(merged("cus_b", "cus_a"), 1))
    async with database.acquire() as connection:
        await connection.execute("INSERT INTO erased_customers VALUES ('cus_a', 'era_1'), ('cus_b', 'era_1')")
        assert await forget_links(connection, ["cus_a", "cus_b"]) == [
            Moved("cus_b", "cus_a", "cus_b"),
            Moved("cus_c", "cus_a", "cus_b"),
        ]
        assert await connection.fetchval("SELECT count(*) FROM customer_links WHERE customer_id IN ('cus_a', 'cus_b')") == 0
    await follower.hear(database, received(merged("cus_b", "cus_d"), 3))
    assert (await told(database))["cus_b"].root_id == "cus_b"


async def test_two_workers_who_change_one_family_agree(committed_database):
    follower = Follower()
    await asyncio.gather(
        follower.hear(committed_database, received(merged("cus_c", "cus_b"), 1)),
        follower.hear(committed_database, received(merged("cus_b", "cus_a"), 1)),
    )
    assert await told(committed_database) == expected({"cus_c": "cus_b", "cus_b": "cus_a"})


async def test_a_long_chain_and_a_wide_family_are_quick_enough_to_be_one_batch(database):
    chain = [received(merged(f"cus_{n + 1}", f"cus_{n}"), 1) for n in range(100)]
    wide = [received(merged(f"cus_x{n}", "cus_100"), 1) for n in range(900)]
    await Follower().hear(database, *chain, *wide)
    async with database.acquire() as connection:
        found = await family(connection, "cus_x7")
    assert found.root_id == "cus_0"
    assert len(found.ids) == 1_001


async def test_the_tables_go_up_agree_with_their_description_and_go_down(committed_dsn, service):
    await asyncio.to_thread(alembic_env.check, service.migrations, committed_dsn)
    await asyncio.to_thread(alembic_env.downgrade, service.migrations, committed_dsn, "base")
    await asyncio.to_thread(alembic_env.upgrade, service.migrations, committed_dsn)
