"""Known mistakes of outboxes and inboxes, each planted into one part; the simulation must catch every one."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.messaging.apply import Applied, Applier, Batch
from shared.messaging.consumer import Consumer
from shared.messaging.gate import Arrival, Known, Plan, Reason
from shared.messaging.ports import Anchor, Memory, OutboxRow, Outcome
from shared.messaging.transport import Partition, Record, Subscription
from shared.testing.memory_inbox import MemoryInboxTransaction
from shared.testing.memory_outbox import MemoryOutbox
from shared.testing.simulation import Parts


class CommitsBeforeItApplies(Consumer):
    async def _process(self, subscription: Subscription, polled: Mapping[Partition, Sequence[Record]]) -> None:
        await subscription.commit({place: records[-1].offset + 1 for place, records in polled.items()})
        await super()._process(subscription, polled)


class CommitsPastWhatIsInFlight(Consumer):
    def _hold(self, subscription: Subscription, batch: Mapping[Partition, Sequence[Record]], attempts: int) -> None:
        super()._hold(subscription, batch, attempts)
        self._applied.update((place, records[-1].offset + 1) for place, records in batch.items())


class SkipsWhatFailsForAMoment(Consumer):
    async def _apply(self, polled: Mapping[Partition, Sequence[Record]], batch: Batch, generation: int) -> bool:
        if not await super()._apply(polled, batch, generation):
            self._applied.update((place, records[-1].offset + 1) for place, records in polled.items())
        return True


class ReadsOnFromTheLastNumber(MemoryOutbox):
    last = 0

    async def pending(self, buckets: Sequence[int], limit: int) -> Sequence[OutboxRow]:
        rows = [row for row in await super().pending(buckets, limit) if row.position > self.last]
        self.last = max([self.last, *(row.position for row in rows)])
        return rows


class ForgetsBeforeTheAcknowledgement(MemoryOutbox):
    async def pending(self, buckets: Sequence[int], limit: int) -> Sequence[OutboxRow]:
        rows = await super().pending(buckets, limit)
        for row in rows:
            del self.tables.pending[row.position]
        return rows


class SharesBucketsBySkippingLockedRows(MemoryOutbox):
    @property
    def locked(self) -> dict[int, Any]:
        return vars(self.tables).setdefault("locked", {})

    async def take(self, bucket: int) -> bool:
        await super().take(bucket)
        return True

    async def pending(self, buckets: Sequence[int], limit: int) -> Sequence[OutboxRow]:
        del buckets
        rows = await super().pending(range(16), 10_000)
        for position in [position for position, owner in self.locked.items() if owner is self]:
            del self.locked[position]
        free = [row for row in rows if getattr(self.locked.get(row.position), "is_connected", False) is False][: min(limit, 2)]
        self.locked.update((row.position, self) for row in free)
        return free

    async def settle(self, epoch: int, sent: Sequence[OutboxRow], held: Sequence[OutboxRow], anchors: Mapping[Partition, Anchor]) -> None:
        await super().settle(epoch, sent, held, anchors)
        for row in sent:
            self.locked.pop(row.position, None)

    def disconnect(self) -> None:
        super().disconnect()
        for position in [position for position, owner in self.locked.items() if owner is self]:
            del self.locked[position]


class NeverNoticesALostBroker(MemoryOutbox):
    async def requeue_all(self, epoch: int) -> int:
        await self.step()
        del epoch
        self.tables.anchors.clear()
        return 0


class RemembersOnlyHowFarItCame(MemoryOutbox):
    """Lets the anchor follow each acknowledgement, so that what is written after a loss hides the loss."""

    async def settle(self, epoch: int, sent: Sequence[OutboxRow], held: Sequence[OutboxRow], anchors: Mapping[Partition, Anchor]) -> None:
        await super().settle(epoch, sent, held, anchors)
        self.tables.anchors.update(anchors)

    async def memory(self) -> Memory:
        await super().memory()
        return Memory(self.tables.epoch, {})


class HasNoInbox(MemoryInboxTransaction):
    async def admit(self, arrivals: Sequence[Arrival]) -> Known:
        known = await super().admit(arrivals)
        self.marked.clear()
        return Known(frozenset(), known.versions, known.blocked, known.early)


class RefusesNoDuplicate(MemoryInboxTransaction):
    async def admit(self, arrivals: Sequence[Arrival]) -> Known:
        known = await super().admit(arrivals)
        first: dict[str, int] = {}
        for arrival in arrivals:
            first.setdefault(arrival.stream, arrival.envelope.sequence - 1)
        return Known(frozenset(), first, known.blocked, known.early)

    async def settle(self, outcome: Outcome) -> None:
        outcome.versions = {
            s: (self.tables.versions.get(s, 0), max(n, self.tables.versions.get(s, 0))) for s, (_, n) in outcome.versions.items()
        }
        await super().settle(outcome)


class MarksInATransactionOfItsOwn(MemoryInboxTransaction):
    async def admit(self, arrivals: Sequence[Arrival]) -> Known:
        known = await super().admit(arrivals)
        self.tables.inbox |= self.marked
        return known


class ChecksThenInserts(MemoryInboxTransaction):
    """Looks for duplicates without waiting for others at work, and moves versions without looking where they are."""

    async def admit(self, arrivals: Sequence[Arrival]) -> Known:
        ids = {arrival.envelope.id for arrival in arrivals}
        known = await super().known(arrivals)
        blocked = frozenset(event.envelope.key for event, reason in self.tables.kept.values() if reason is not Reason.EARLY)
        refused = frozenset(ids & self.tables.inbox)
        self.late = ids - refused
        return Known(refused, known.versions, blocked, known.early)

    async def settle(self, outcome: Outcome) -> None:
        await self.step()
        self.outcome = outcome

    async def commit(self) -> None:
        self.marked |= getattr(self, "late", set())
        versions = self.tables.versions
        self.outcome.versions = {s: (versions.get(s, 0), n) for s, (_, n) in self.outcome.versions.items()}
        await super().commit()


class HasEffectsOutsideTheTransaction(MemoryInboxTransaction):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.unit.effects = _Through(self.tables.effects)


class _Through(list[Any]):
    """Writes at once; what is written stays."""

    def __init__(self, target: list[Any]) -> None:
        super().__init__()
        self._target = target

    def append(self, item: Any) -> None:
        self._target.append(item)


class BlocksNoKey(MemoryInboxTransaction):
    async def admit(self, arrivals: Sequence[Arrival]) -> Known:
        known = await super().admit(arrivals)
        return Known(known.refused, known.versions, frozenset(), known.early)


class RedrivesOnlyTheDeadEvent(MemoryInboxTransaction):
    async def kept(self, key: str) -> Sequence[Arrival]:
        return [event for event in await super().kept(key) if event.envelope.id in self.tables.dead]


class RedrivesPastTheGate(MemoryInboxTransaction):
    async def settle(self, outcome: Outcome) -> None:
        if self.alone:
            outcome.versions = {}
        await super().settle(outcome)


class AppliesEarlyEvents(Applier):
    def _plan(self, arrivals: Sequence[Arrival], known: Known) -> Plan:
        plan = super()._plan(arrivals, known)
        waiting = {event.envelope.id for event, reason in plan.park if reason is Reason.EARLY}
        plan.park = [(event, reason) for event, reason in plan.park if reason is not Reason.EARLY]
        plan.apply = [*plan.apply, *(event for event in arrivals if event.envelope.id in waiting)]
        return plan


class DropsEarlyEvents(Applier):
    def _plan(self, arrivals: Sequence[Arrival], known: Known) -> Plan:
        plan = super()._plan(arrivals, known)
        plan.park = [(event, reason) for event, reason in plan.park if reason is not Reason.EARLY]
        return plan


class GivesUpOnAWholeBatch(Applier):
    """Lets all events of a batch die with the one at fault, without a dead letter."""

    async def _carefully(self, transaction: Any, plan: Plan, known: Known, progress: Any) -> Applied:
        plan.apply.clear()
        return await super()._carefully(transaction, plan, known, progress)


BUGS: dict[str, Parts] = {
    "offsets are committed before the batch is applied": Parts(consumer=CommitsBeforeItApplies),
    "offsets are committed past what is in flight": Parts(consumer=CommitsPastWhatIsInFlight),
    "a passing fault drops the batch": Parts(consumer=SkipsWhatFailsForAMoment),
    "the relay reads on from the last number": Parts(outbox=ReadsOnFromTheLastNumber),
    "the relay forgets before the acknowledgement": Parts(outbox=ForgetsBeforeTheAcknowledgement),
    "relays share keys": Parts(outbox=SharesBucketsBySkippingLockedRows),
    "a lost broker is not noticed": Parts(outbox=NeverNoticesALostBroker),
    "what is written after a loss hides it": Parts(outbox=RemembersOnlyHowFarItCame),
    "there is no inbox": Parts(transaction=HasNoInbox),
    "duplicates are applied": Parts(transaction=RefusesNoDuplicate),
    "the inbox mark commits before the effects": Parts(transaction=MarksInATransactionOfItsOwn),
    "the inbox is checked, then written": Parts(transaction=ChecksThenInserts),
    "effects are outside the transaction": Parts(transaction=HasEffectsOutsideTheTransaction),
    "a dead event blocks no key": Parts(transaction=BlocksNoKey),
    "a redrive leaves the queue behind": Parts(transaction=RedrivesOnlyTheDeadEvent),
    "a redrive does not move the gate": Parts(transaction=RedrivesPastTheGate),
    "the gate is ignored": Parts(applier=AppliesEarlyEvents),
    "early events are dropped": Parts(applier=DropsEarlyEvents),
    "a poisoned batch is dropped": Parts(applier=GivesUpOnAWholeBatch),
}
