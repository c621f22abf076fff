"""The pure rules of the consumer: which events to apply, refuse or keep, and in which order to hand them out.

Each aggregate's events are numbered 1, 2, 3 … without gaps. The gate lets an event through when its number follows the last
one applied, refuses it when its number has passed, and keeps it when an earlier one is missing. A key with a dead letter is
blocked: its later events queue behind it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.envelope import Envelope
from shared.messaging.transport import Partition


class Arrival(NamedTuple):
    """An event at the gate.

    Attributes:
        envelope: its attributes.
        stream: whose story it belongs to: producer, kind and id of the aggregate.
        payload: its JSON, not read yet.
        partition: where it came from.
        offset: its place there.
        parked: whether it was kept before, instead of coming from the broker now.
    """

    envelope: Envelope
    stream: str
    payload: bytes
    partition: Partition
    offset: int
    parked: bool = False


class Reason(StrEnum):
    """Why an event is kept: an earlier one is missing, its handler refuses it, or it waits for a refused one of its key."""

    EARLY = "early"
    DEAD = "dead"
    BEHIND = "behind"


@dataclass(slots=True)
class Known:
    """What the consumer's store knows about a batch.

    Attributes:
        refused: ids of the batch that were received before.
        versions: number of the last event applied, by stream.
        blocked: keys of the batch that have a dead letter.
        early: kept events that wait for an earlier one, of the streams of the batch.
    """

    refused: frozenset[UUID] = frozenset()
    versions: Mapping[str, int] = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    early: Sequence[Arrival] = ()


@dataclass(slots=True)
class Plan:
    """What to do with a batch.

    Attributes:
        apply: events to hand out, in an order that is right for each key; kept events whose gap is filled are among them.
        park: events to keep, and why.
        forget: ids of kept events that have become stale.
        duplicates: how many were received before.
        stale: how many had been overtaken.
    """

    apply: list[Arrival] = field(default_factory=list)
    park: list[tuple[Arrival, Reason]] = field(default_factory=list)
    forget: list[UUID] = field(default_factory=list)
    duplicates: int = 0
    stale: int = 0


def make_plan(arrivals: Iterable[Arrival], known: Known) -> Plan:
    """Return what to do with events that came in this order, if no handler refuses any.

    Args:
        arrivals: events, those of each partition in its order.
        known: what the store knows about them; it is not changed.
    """
    plan = Plan()
    versions: dict[str, int] = {}
    seen = set(known.refused)
    waiting = _by_stream(known.early)
    apply, stored, blocked = plan.apply.append, known.versions, known.blocked
    for arrival in arrivals:
        envelope, stream = arrival.envelope, arrival.stream
        if envelope.id in seen:
            plan.duplicates += 1
            continue
        seen.add(envelope.id)
        version = versions[stream] if stream in versions else stored.get(stream, 0)
        if envelope.sequence <= version:
            plan.stale += 1
            if arrival.parked:
                plan.forget.append(envelope.id)
        elif blocked and envelope.key in blocked:
            plan.park.append((arrival, Reason.BEHIND))
        elif envelope.sequence == version + 1:
            apply(arrival)
            versions[stream] = envelope.sequence
            if stream in waiting:
                versions[stream] = _release(waiting[stream], envelope.sequence, plan)
        else:
            waiting.setdefault(stream, {}).setdefault(envelope.sequence, arrival)
    kept = {event.envelope.id for event in known.early}
    early = (event for events in waiting.values() for event in events.values())
    plan.park.extend((event, Reason.EARLY) for event in early if event.envelope.id not in kept)
    return plan


def _by_stream(events: Iterable[Arrival]) -> dict[str, dict[int, Arrival]]:
    waiting: dict[str, dict[int, Arrival]] = {}
    for event in events:
        waiting.setdefault(event.stream, {})[event.envelope.sequence] = event
    return waiting


def _release(waiting: dict[int, Arrival], version: int, plan: Plan) -> int:
    """Apply the kept events that follow without a gap; forget those that were overtaken; return the new version."""
    for sequence in sorted(waiting):
        if sequence > version + 1:
            break
        event = waiting.pop(sequence)
        if sequence == version + 1:
            plan.apply.append(event)
            version = sequence
        elif event.parked:
            plan.forget.append(event.envelope.id)
    return version


def admissible(
    events: Iterable[Arrival], versions: Mapping[str, int], blocked: frozenset[str] | set[str]
) -> tuple[list[Arrival], list[tuple[Arrival, Reason]]]:
    """Split events into those that may be applied now, in this order, and those to keep with their reason."""
    now: list[Arrival] = []
    later: list[tuple[Arrival, Reason]] = []
    reached: dict[str, int] = {}
    for event in events:
        stream, sequence = event.stream, event.envelope.sequence
        if event.envelope.key in blocked:
            later.append((event, Reason.BEHIND))
        elif sequence != reached.get(stream, versions.get(stream, 0)) + 1:
            later.append((event, Reason.EARLY))
        else:
            reached[stream] = sequence
            now.append(event)
    return now, later


def cut_waves(events: Iterable[Arrival], rank: Mapping[str, int], *, with_others: bool = False) -> list[tuple[str, list[Arrival]]]:
    """Cut events into groups of one type, to be handed out one after the other, that keep the order of each key.

    A key's events stay in one wave while their types come in ascending rank; otherwise a new wave begins for that key.

    Args:
        events: events in an order that is right for each key.
        rank: place of each type in the handler table, from 1; types that are absent have no handler.
        with_others: whether events without a handler are in the result, as a type of their own with an empty name.

    Returns:
        Type and events of each group.
    """
    others = len(rank) + 1
    groups: dict[tuple[int, int], tuple[str, list[Arrival]]] = {}
    last: dict[str, tuple[int, int]] = {}
    for event in events:
        type_ = event.envelope.type
        place = rank.get(type_)
        if place is None:
            if not with_others:
                continue
            type_, place = "", others
        key = event.envelope.key
        wave, previous = last.get(key, (0, 0))
        mine = (wave, place) if place >= previous else (wave + 1, place)
        last[key] = mine
        group = groups.get(mine)
        if group is None:
            groups[mine] = (type_, [event])
        else:
            group[1].append(event)
    return [groups[place] for place in sorted(groups)]
