"""A batch through inbox, gate and handlers, on real Postgres."""

from contextlib import asynccontextmanager

import pytest
from messaging_sample import POISON, POISONS, SERVICE, placed, registered, returned, updated

from shared.envelope import Message
from shared.messaging.apply import Applied, Applier
from shared.messaging.failures import Overtaken
from shared.messaging.inbox import PostgresInboxStore
from shared.testing.bus import deliver, expect, message, records


async def test_events_are_applied_in_order_and_once(committed_database, effects):
    batch = [message(registered("ann"), 1), message(placed("o1"), 1), message(returned("o1"), 2)]
    assert await deliver(committed_database, SERVICE, batch) == Applied(applied=3)
    assert await deliver(committed_database, SERVICE, batch) == Applied(duplicates=3)
    assert await effects.all() == [("ann", 1), ("o1", 1), ("o1", 2)]


async def test_a_duplicate_within_the_batch_is_refused(committed_database, effects):
    one = message(placed("o1"), 1)
    assert await deliver(committed_database, SERVICE, [one, one]) == Applied(applied=1, duplicates=1)
    assert await effects.all() == [("o1", 1)]


async def test_an_event_that_was_overtaken_is_refused_by_its_number(committed_database, effects):
    await deliver(committed_database, SERVICE, [(placed("o1"), 1)])
    assert await deliver(committed_database, SERVICE, [(placed("o1"), 1)]) == Applied(stale=1)
    assert await effects.all() == [("o1", 1)]


async def test_early_events_wait_for_the_missing_one(committed_database, effects):
    first, second, third = message(placed("o1"), 1), message(returned("o1"), 2), message(returned("o1"), 3)
    assert await deliver(committed_database, SERVICE, [third]) == Applied(early=1)
    assert await deliver(committed_database, SERVICE, [second]) == Applied(early=1)
    assert await deliver(committed_database, SERVICE, [first]) == Applied(applied=3)
    assert await effects.all() == [("o1", 1), ("o1", 2), ("o1", 3)]
    assert await effects.value("SELECT count(*) FROM parked_events") == 0


async def test_an_early_event_is_applied_when_the_gap_is_filled_in_the_same_batch(committed_database, effects):
    assert await deliver(committed_database, SERVICE, [(returned("o1"), 2), (placed("o1"), 1)]) == Applied(applied=2)
    assert await effects.all() == [("o1", 1), ("o1", 2)]


async def test_types_without_a_handler_move_the_gate(committed_database, effects):
    assert await deliver(committed_database, SERVICE, [(registered("ann"), 1), (updated("ann"), 2)]) == Applied(applied=2)
    assert await effects.all() == [("ann", 1)]
    assert await effects.value("SELECT sequence FROM aggregate_versions WHERE stream = 'customers/customer/ann'") == 2


async def test_aggregates_of_different_kinds_with_one_id_have_their_own_numbers(committed_database, effects):
    assert await deliver(committed_database, SERVICE, [(registered("same"), 1), (placed("same", customer="same"), 1)]) == Applied(applied=2)
    assert await effects.all() == [("same", 1), ("same", 1)]


async def test_events_that_a_handler_publishes_commit_with_it(committed_database, effects):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with expect(committed_database, type(updated("ann"))) as published:
        await deliver(committed_database, SERVICE, [message(registered("ann"), 1, traceparent=trace)])
    assert published == [updated("ann")]
    assert await effects.value("SELECT traceparent FROM event_log") == trace


async def test_a_poison_event_alone_becomes_a_dead_letter(committed_database, effects):
    POISONS.add(POISON)
    batch = [(placed(f"o{n}", customer=f"c{n}", amount_minor=POISON if n == 5 else 1), 1) for n in range(10)]
    async with expect(committed_database):
        assert await deliver(committed_database, SERVICE, batch) == Applied(applied=9, dead=1)
    assert sorted(await effects.all()) == [(f"o{n}", 1) for n in range(10) if n != 5]
    [letter] = await effects.fetch("SELECT * FROM dead_letters")
    assert (letter["key"], letter["status"], letter["attempts"]) == ("c5", "dead", 1)
    assert "PermanentError at" in letter["error"]
    assert "refused" not in letter["error"]


async def test_later_events_of_the_key_queue_behind_the_dead_one(committed_database, effects):
    POISONS.add(POISON)
    same_batch = [(placed("o1", amount_minor=POISON), 1), (placed("o2"), 1), (returned("o1"), 2), (placed("x", customer="bob"), 1)]
    assert await deliver(committed_database, SERVICE, same_batch) == Applied(applied=1, dead=1, behind=2)
    assert await deliver(committed_database, SERVICE, [(placed("o3"), 1), (placed("y", customer="bob"), 1)]) == Applied(applied=1, behind=1)
    assert await effects.all() == [("x", 1), ("y", 1)]


async def test_redrive_applies_the_queue_in_order(committed_database, effects):
    POISONS.add(POISON)
    await deliver(committed_database, SERVICE, [(placed("o1", amount_minor=POISON), 1), (placed("o2"), 1), (returned("o1"), 2)])
    applier = Applier(SERVICE.handlers, PostgresInboxStore(committed_database, SERVICE.name))
    assert await applier.redrive("ann") == Applied(dead=1, behind=2)
    assert await effects.value("SELECT attempts FROM dead_letters") == 2
    POISONS.clear()
    assert await applier.redrive("ann", commit=False) == Applied(applied=3)
    assert await effects.all() == []
    assert await applier.redrive("ann") == Applied(applied=3)
    assert await effects.all() == [("o1", 1), ("o2", 1), ("o1", 2)]
    assert await effects.value("SELECT status FROM dead_letters") == "redriven"
    assert await effects.value("SELECT count(*) FROM parked_events") == 0
    assert await applier.redrive("ann") == Applied()


async def test_discarding_lets_the_queue_go_on(committed_database, effects):
    POISONS.add(POISON)
    dead = message(placed("o1", amount_minor=POISON), 1)
    await deliver(committed_database, SERVICE, [dead, message(placed("o2"), 1), message(returned("o1"), 2)])
    applier = Applier(SERVICE.handlers, PostgresInboxStore(committed_database, SERVICE.name))
    event_id = await effects.value("SELECT event_id FROM dead_letters")
    assert await applier.redrive("ann", discard=frozenset({event_id})) == Applied(applied=3)
    assert await effects.all() == [("o2", 1), ("o1", 2)]
    assert await effects.value("SELECT status FROM dead_letters") == "discarded"


def _damaged(one: Message, **headers: bytes | None) -> Message:
    changed = {name: value for name, value in {**dict(one.headers), **headers}.items() if value is not None}
    return one._replace(headers=list(changed.items()))


@pytest.mark.parametrize(
    "headers",
    [
        {"ce_id": None},
        {"ce_id": b"not a uuid"},
        {"ce_type": None},
        {"ce_type": b"\xff\xfe"},
        {"ce_sequence": b"0"},
        {"ce_sequence": b"-1"},
        {"ce_sequence": b"9" * 30},
        {"ce_sequence": b"one"},
        {"ce_time": b"yesterday"},
        {"ce_time": b"2026-01-01T00:00:00"},
        {"ce_subject": b"a" * 10_000},
        {"ce_subject": b"a\x00b"},
    ],
)
async def test_records_that_are_no_events_do_not_stop_the_others(committed_database, effects, headers):
    bad = _damaged(message(placed("o1"), 1), **headers)
    assert await deliver(committed_database, SERVICE, [bad, message(placed("o2"), 1)]) == Applied(applied=1, malformed=1)
    await deliver(committed_database, SERVICE, [bad])
    assert await effects.value("SELECT count(*) FROM dead_letters") == 1


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b'{"order_id": 1}', b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b'"' + b"x" * 2_000_000 + b'"'],
    ids=lambda payload: f"{payload[:5]!r}-{len(payload)}",
)
async def test_unreadable_payloads_become_dead_letters(committed_database, effects, payload):
    bad = message(placed("o1"), 1)._replace(value=payload)
    assert await deliver(committed_database, SERVICE, [bad, message(placed("o2", customer="bob"), 1)]) == Applied(applied=1, dead=1)
    assert await effects.value("SELECT octet_length(payload) FROM parked_events") == len(payload)


class _Late(PostgresInboxStore):
    """Lets another batch commit between the admission of the first and its end."""

    def __init__(self, database, consumer, meanwhile) -> None:
        super().__init__(database, consumer)
        self._meanwhile = meanwhile

    @asynccontextmanager
    async def begin(self, *, alone: bool = False):
        async with super().begin(alone=alone) as transaction:
            admit = transaction.admit

            async def admit_then_wait(arrivals):
                known = await admit(arrivals)
                meanwhile, self._meanwhile = self._meanwhile, None
                if meanwhile is not None:
                    await meanwhile()
                return known

            transaction.admit = admit_then_wait
            yield transaction


@pytest.mark.parametrize("first_is_early", [True, False])
async def test_a_gap_that_another_worker_fills_meanwhile_is_noticed(committed_database, effects, first_is_early):
    early, next_one = message(returned("o1"), 2), message(placed("o1"), 1)
    mine, others = (early, next_one) if first_is_early else (next_one, early)

    async def meanwhile() -> None:
        await deliver(committed_database, SERVICE, [others])

    applier = Applier(SERVICE.handlers, _Late(committed_database, SERVICE.name, meanwhile))
    with pytest.raises(Overtaken):
        await applier.apply(records([mine]))
    await applier.apply(records([mine]))
    assert await effects.all() == [("o1", 1), ("o1", 2)]
    assert await effects.value("SELECT count(*) FROM parked_events") == 0
