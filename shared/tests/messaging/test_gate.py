"""The rules of the gate hold for any order, duplication and gap."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from messaging_sample import NOON

from shared.envelope import Envelope
from shared.messaging.gate import Arrival, Known, Reason, admissible, cut_waves, make_plan
from shared.messaging.transport import Partition

TYPES = ("a", "b", "c", "unknown")
RANK = {"a": 1, "b": 2, "c": 3}


def arrival(stream: str, sequence: int, key: str = "k", type_: str = "a", *, parked: bool = False) -> Arrival:
    identity = UUID(bytes=f"{stream}{sequence}".encode().ljust(16, b".")[:16])
    return Arrival(Envelope(identity, type_, "/s", stream, key, sequence, NOON), stream, b"{}", Partition("t", 0), sequence, parked)


events = st.builds(
    arrival,
    st.sampled_from(["s1", "s2", "s3"]),
    st.integers(1, 6),
    st.sampled_from(["k1", "k2"]),
    st.sampled_from(TYPES),
)


@given(st.lists(events, max_size=30), st.dictionaries(st.sampled_from(["s1", "s2", "s3"]), st.integers(0, 4)))
def test_each_stream_is_applied_without_gaps_from_where_it_was(batch, versions):
    plan = make_plan(batch, Known(versions=versions))
    reached = dict(versions)
    for event in plan.apply:
        assert event.envelope.sequence == reached.get(event.stream, 0) + 1
        reached[event.stream] = event.envelope.sequence


@given(st.lists(events, max_size=30), st.dictionaries(st.sampled_from(["s1", "s2", "s3"]), st.integers(0, 4)))
def test_no_event_gets_lost(batch, versions):
    plan = make_plan(batch, Known(versions=versions))
    assert len(plan.apply) + len(plan.park) + plan.duplicates + plan.stale == len(batch)


@given(st.permutations([("s1", n) for n in range(1, 6)] + [("s2", n) for n in range(1, 4)]), st.integers(0, 7))
def test_any_order_in_any_two_batches_ends_the_same(order, cut):
    applied: list[Arrival] = []
    kept: list[Arrival] = []
    versions: dict[str, int] = {}
    for batch in (order[:cut], order[cut:]):
        plan = make_plan([arrival(*one) for one in batch], Known(versions=versions, early=kept))
        applied += plan.apply
        versions |= {event.stream: event.envelope.sequence for event in plan.apply}
        done = {event.envelope.id for event in plan.apply}
        kept = [event for event in kept if event.envelope.id not in done] + [event._replace(parked=True) for event, _ in plan.park]
    assert kept == []
    assert versions == {"s1": 5, "s2": 3}
    assert len(applied) == 8


def test_later_events_of_a_blocked_key_queue_and_others_pass():
    plan = make_plan([arrival("s1", 1, "k1"), arrival("s2", 1, "k2")], Known(blocked=frozenset({"k1"})))
    assert [event.stream for event in plan.apply] == ["s2"]
    assert [(event.stream, reason) for event, reason in plan.park] == [("s1", Reason.BEHIND)]


def test_a_stale_event_of_a_blocked_key_is_refused():
    plan = make_plan([arrival("s1", 1, "k1")], Known(versions={"s1": 1}, blocked=frozenset({"k1"})))
    assert (plan.stale, plan.park) == (1, [])


def test_kept_events_that_were_overtaken_are_forgotten():
    kept = arrival("s1", 2, parked=True)
    plan = make_plan([arrival("s1", 3)], Known(versions={"s1": 2}, early=[kept]))
    assert plan.forget == [kept.envelope.id]


@given(st.lists(st.tuples(st.sampled_from(["k1", "k2", "k3"]), st.sampled_from(TYPES)), max_size=40))
def test_waves_keep_the_order_of_each_key(batch):
    ordered = [arrival(f"s{place}", 1, key, type_) for place, (key, type_) in enumerate(batch)]
    handed_out = [event for _, group in cut_waves(ordered, RANK) for event in group]
    for key in ("k1", "k2", "k3"):
        assert [e for e in handed_out if e.envelope.key == key] == [e for e in ordered if e.envelope.key == key and e.envelope.type in RANK]
    assert all(event.envelope.type == type_ for type_, group in cut_waves(ordered, RANK) for event in group)


@given(st.lists(st.tuples(st.sampled_from(["k1", "k2", "k3"]), st.sampled_from(TYPES)), max_size=40))
def test_waves_with_others_hold_every_event(batch):
    ordered = [arrival(f"s{place}", 1, key, type_) for place, (key, type_) in enumerate(batch)]
    handed_out = [event for _, group in cut_waves(ordered, RANK, with_others=True) for event in group]
    assert sorted(handed_out) == sorted(ordered)


def test_a_typical_batch_is_one_wave():
    batch = [arrival(f"{type_}{n}", 1, f"k{n}", type_) for n in range(5) for type_ in ("a", "b", "c")]
    assert [type_ for type_, _ in cut_waves(batch, RANK)] == ["a", "b", "c"]


@given(st.lists(events, max_size=30), st.sets(st.sampled_from(["k1", "k2"])))
def test_admissible_events_follow_without_gaps_and_none_is_of_a_blocked_key(batch, blocked):
    now, later = admissible(batch, {}, blocked)
    reached: dict[str, int] = {}
    for event in now:
        assert event.envelope.sequence == reached.get(event.stream, 0) + 1
        assert event.envelope.key not in blocked
        reached[event.stream] = event.envelope.sequence
    assert len(now) + len(later) == len(batch)
