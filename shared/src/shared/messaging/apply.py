"""One batch of events through inbox, gate and handlers, in one transaction.

Most batches go through in one attempt. When a handler refuses something, the transaction starts again carefully: each
group under a savepoint, cut in halves until the events at fault stand alone; those become dead letters, their keys are blocked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from shared.clock import Clock, SystemClock
from shared.contracts.base import Event
from shared.envelope import Received
from shared.messaging import metrics
from shared.messaging.decode import Malformed, decode
from shared.messaging.failpoints import failpoint
from shared.messaging.failures import describe, is_transient
from shared.messaging.gate import Arrival, Known, Plan, Reason, admissible, cut_waves, make_plan
from shared.messaging.handlers import Handler, HandlerTable
from shared.messaging.ports import DeadEvent, InboxStore, InboxTransaction, Outcome
from shared.messaging.tracing import handling
from shared.messaging.transport import Record

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a batch; events that handlers know and events that only moved the gate count alike."""

    applied: int = 0
    duplicates: int = 0
    stale: int = 0
    early: int = 0
    behind: int = 0
    dead: int = 0
    malformed: int = 0


class Batch(NamedTuple):
    """Records that were read: events at the gate, and those that are no events."""

    arrivals: Sequence[Arrival]
    malformed: Sequence[Malformed]


def read_batch(records: Iterable[Record]) -> Batch:
    """Return what is in the records, in their order."""
    arrivals: list[Arrival] = []
    malformed: list[Malformed] = []
    for record in records:
        decoded = decode(record)
        if isinstance(decoded, Malformed):
            malformed.append(decoded)
        else:
            arrivals.append(decoded)
    return Batch(arrivals, malformed)


@dataclass(slots=True)
class _Progress:
    """How far a careful attempt has come."""

    versions: dict[str, int]
    blocked: set[str]
    outcome: Outcome
    discarded: frozenset[UUID] = frozenset()
    applied: list[Arrival] = field(default_factory=list)


class Applier:
    """Applies batches of events for one consumer.

    Args:
        handlers: every event that is listened to.
        store: the consumer's tables.
        clock: for the end-to-end time.
    """

    def __init__(self, handlers: HandlerTable, store: InboxStore, clock: Clock | None = None) -> None:
        self._handlers: dict[str, tuple[type[Event], Handler]] = {event.type: (event, handler) for event, handler in handlers.items()}
        self._rank = {type_: place for place, type_ in enumerate(self._handlers, start=1)}
        self._store = store
        self._clock = clock or SystemClock()

    async def apply(self, records: Iterable[Record]) -> Applied:
        """Apply a batch of records, those of each partition in order, in one transaction.

        Raises:
            Exception: a transient one: nothing was changed, try again later.
        """
        return await self.apply_batch(read_batch(records))

    async def apply_batch(self, batch: Batch) -> Applied:
        """Apply a batch that was read before; see `apply`."""
        arrivals, malformed = batch
        try:
            applied = await self._attempt(arrivals, malformed, carefully=False)
        except Exception as error:
            if is_transient(error):
                raise
            _log.warning("a batch failed and is tried event by event", error=describe(error)[0])
            applied = await self._attempt(arrivals, malformed, carefully=True)
        metrics.inbox_duplicates_total.inc(applied.duplicates)
        metrics.inbox_stale_total.inc(applied.stale)
        return applied

    async def redrive(self, key: str, *, discard: frozenset[UUID] = frozenset(), commit: bool = True) -> Applied:
        """Apply the dead event of a key and what queues behind it, in order and in one transaction.

        Args:
            key: the blocked key.
            discard: events that count as applied though no handler sees them.
            commit: False to see what would happen.

        Raises:
            Exception: a transient one: nothing was changed, try again later.
        """
        async with self._store.begin(alone=True) as transaction:
            arrivals = await transaction.kept(key)
            known = await transaction.known(arrivals)
            progress = _Progress(dict(known.versions), set(), Outcome(discarded=list(discard)), discard)
            applied = await self._carefully(transaction, self._plan(arrivals, known), known, progress)
            failpoint("redrive.before_commit")
            if commit:
                await transaction.commit()
        return applied

    def _plan(self, arrivals: Sequence[Arrival], known: Known) -> Plan:
        return make_plan(arrivals, known)

    async def _attempt(self, arrivals: Sequence[Arrival], malformed: Sequence[Malformed], *, carefully: bool) -> Applied:
        async with self._store.begin() as transaction:
            known = await transaction.admit(arrivals)
            failpoint("consumer.after_admit")
            plan = self._plan(arrivals, known)
            outcome = Outcome(malformed=list(malformed))
            if carefully:
                applied = await self._carefully(transaction, plan, known, _Progress(dict(known.versions), set(known.blocked), outcome))
            else:
                applied = await self._at_once(transaction, plan, known, outcome)
            failpoint("consumer.before_commit")
            await transaction.commit()
            failpoint("consumer.after_commit")
        return applied

    async def _at_once(self, transaction: InboxTransaction, plan: Plan, known: Known, outcome: Outcome) -> Applied:
        for type_, events in cut_waves(plan.apply, self._rank):
            await self._handle(transaction, type_, events)
        failpoint("consumer.after_handlers")
        outcome.park = plan.park
        await transaction.settle(_complete(outcome, plan.apply, plan, known))
        return _count(plan, plan.apply, outcome)

    async def _carefully(self, transaction: InboxTransaction, plan: Plan, known: Known, progress: _Progress) -> Applied:
        outcome = progress.outcome
        outcome.park = list(plan.park)
        for type_, events in cut_waves(plan.apply, self._rank, with_others=True):
            await self._try(transaction, type_, events, progress)
        failpoint("consumer.after_handlers")
        _rejudge(outcome, progress.blocked)
        await transaction.settle(_complete(outcome, progress.applied, plan, known))
        return _count(plan, progress.applied, outcome)

    async def _try(self, transaction: InboxTransaction, type_: str, events: Sequence[Arrival], progress: _Progress) -> None:
        """Apply a group of events; when it fails, its halves; a single event that fails becomes a dead letter."""
        now, later = admissible(events, progress.versions, progress.blocked)
        progress.outcome.park.extend(later)
        if not now:
            return
        try:
            handed_out = [event for event in now if event.envelope.id not in progress.discarded] if type_ else []
            if handed_out:
                async with transaction.savepoint():
                    await self._handle(transaction, type_, handed_out)
        except Exception as error:
            if is_transient(error):
                raise
            if len(now) == 1:
                _bury(now[0], error, progress)
                return
            middle = len(now) // 2
            await self._try(transaction, type_, now[:middle], progress)
            await self._try(transaction, type_, now[middle:], progress)
        else:
            progress.applied.extend(now)
            progress.versions.update((event.stream, event.envelope.sequence) for event in now)

    async def _handle(self, transaction: InboxTransaction, type_: str, events: Sequence[Arrival]) -> None:
        event_class, handler = self._handlers[type_]
        read = event_class.read
        received: list[Received[Any]] = [Received(read(event.payload), event.envelope) for event in events]
        first = events[0].envelope
        with handling(type_, [event.envelope.traceparent for event in events]):
            await handler(transaction.unit_of_work, received)
        metrics.event_end_to_end_seconds.observe(max((self._clock.now() - first.time).total_seconds(), 0.0))
        metrics.events_applied_total.labels(type_).inc(len(events))


def _bury(event: Arrival, error: Exception, progress: _Progress) -> None:
    text, fingerprint = describe(error)
    _log.error("an event is refused; its key waits", type=event.envelope.type, event_id=str(event.envelope.id), error=text)
    progress.blocked.add(event.envelope.key)
    progress.outcome.park.append((event, Reason.DEAD))
    progress.outcome.dead.append(DeadEvent(event, text, fingerprint))


def _rejudge(outcome: Outcome, blocked: set[str]) -> None:
    """Let events queue that were judged too early before their key was blocked: they wait for the dead one, too."""
    outcome.park = [
        (event, Reason.BEHIND if reason is Reason.EARLY and event.envelope.key in blocked else reason) for event, reason in outcome.park
    ]


def _complete(outcome: Outcome, applied: Sequence[Arrival], plan: Plan, known: Known) -> Outcome:
    """Add to the outcome what the applied events change."""
    outcome.forget = [*plan.forget, *(event.envelope.id for event in applied if event.parked)]
    reached = {event.stream: event.envelope.sequence for event in applied}
    stored = known.versions
    outcome.versions = {stream: (stored.get(stream, 0), sequence) for stream, sequence in reached.items()}
    for event, reason in outcome.park:
        if reason is Reason.EARLY and event.stream not in reached:
            version = stored.get(event.stream, 0)
            outcome.versions[event.stream] = (version, version)
    return outcome


def _count(plan: Plan, applied: Sequence[Arrival], outcome: Outcome) -> Applied:
    reasons = [reason for _, reason in outcome.park]
    return Applied(
        applied=len(applied),
        duplicates=plan.duplicates,
        stale=plan.stale,
        early=reasons.count(Reason.EARLY),
        behind=reasons.count(Reason.BEHIND),
        dead=reasons.count(Reason.DEAD),
        malformed=len(outcome.malformed),
    )
