"""How what many told of one customer becomes his profile.

A record is a stream of change sets, a family a tree of records that were merged. The profile is a fold over both in the order
in which they happened: a change displaces what was there unless its source is believed less, a merge fills what the survivor does not
know. A change that says when it was observed displaces only what was seen before it: a fact that comes late does not pass for a newer one.
What was told of a record stays told of that record, so that without a link the fold gives what would have been without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import orjson

from customers.provenance.errors import ObservedInFuture

# Sources by field, the most believed first; where a field has none, the latest change counts.
RuleSet = Mapping[str, Sequence[str]]
Reason = Literal["latest", "source_order", "survivor", "merged"]

# Belongs to the record and never to the family: each external id finds the record that it was given to.
OWN = "external_id"
NO_RULES = 0
# Clocks of clients differ from ours.
CLOCK_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who tells something.

    Attributes:
        source: the system that knows it, by which rules decide.
        actor: the principal of the caller.
        cause: the import, merge or event behind it.
        observed_at: when it was true, where the source knows.
    """

    source: str = "api"
    actor: str | None = None
    cause: str | None = None
    observed_at: datetime | None = None


class Change(NamedTuple):
    """Fields that were told of a record at once.

    Attributes:
        number: its place among all changes and merges.
        id: `chg_…`.
        record_id: the record.
        recorded_at: when it was recorded.
        provenance: who told it.
        rules_version: the rules that it was decided by.
        fields: value by field, None where it was emptied.
        withdraws: the import whose word of the record counts no more; the fields then tell what was said last without it.
    """

    number: int
    id: str
    record_id: str
    recorded_at: datetime
    provenance: Provenance
    rules_version: int
    fields: Mapping[str, Any]
    withdraws: str | None = None


class Link(NamedTuple):
    """One record that belongs to another since its place among the changes."""

    number: int
    survivor_id: str
    merged_id: str
    rules_version: int


class Entry(NamedTuple):
    """What counts as the value of a field, what told it, and why it counts."""

    value: Any
    change: Change
    reason: Reason


Entries = dict[str, Entry]


class Folded:
    """The families that changes and links amount to, ready to take more of both.

    Attributes:
        entries: by root, then by field.
    """

    def __init__(self, rule_sets: Mapping[int, RuleSet]) -> None:
        self.entries: dict[str, Entries] = {}
        self._parents: dict[str, str] = {}
        self._rule_sets = {NO_RULES: {}, **rule_sets}

    def root(self, record_id: str) -> str:
        """Return the root of a record."""
        while record_id in self._parents:
            record_id = self._parents[record_id]
        return record_id

    def of(self, record_id: str) -> Entries:
        """Return the entries of the family that a record belongs to."""
        return self.entries.setdefault(self.root(record_id), {})

    def values(self, record_id: str) -> dict[str, Any]:
        """Return the values by field of the family that a record belongs to; empty ones are left out."""
        return {name: entry.value for name, entry in self.of(record_id).items() if entry.value is not None}

    def apply(self, change: Change) -> None:
        """Let a change displace what is believed less."""
        root = self.root(change.record_id)
        entries, rules = self.of(root), self._rule_sets[change.rules_version]
        for name, value in change.fields.items():
            if name == OWN and change.record_id != root:
                continue
            reason = displaces(rules.get(name), entries.get(name), value, change.provenance.source, change.provenance.observed_at)
            if reason is not None:
                entries[name] = Entry(value, change, reason)

    def link(self, link: Link) -> None:
        """Let a survivor learn what he does not know, or what is believed more."""
        survivor, merged = self.root(link.survivor_id), self.root(link.merged_id)
        entries, rules = self.of(survivor), self._rule_sets[link.rules_version]
        for name, entry in self.entries.pop(merged, {}).items():
            if name != OWN and entry.value is not None:
                entries[name] = survives(rules.get(name), entries.get(name), entry)
        self._parents[merged] = survivor


def standing(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that count: neither withdrawn by another of these, nor withdrawing.

    As with a merge that is undone, what was withdrawn is left out, as if it had never been told.
    """
    withdrawn = {(change.record_id, change.withdraws) for change in changes if change.withdraws is not None}
    if not withdrawn:
        return list(changes)
    return [change for change in changes if change.withdraws is None and (change.record_id, change.provenance.cause) not in withdrawn]


def fold(changes: Iterable[Change], links: Iterable[Link], rule_sets: Mapping[int, RuleSet]) -> Folded:
    """Return the families that changes and links amount to.

    Args:
        changes: the standing ones of all records that the links touch, in any order.
        links: those that hold; an undone one is left out, as if it had never been.
        rule_sets: by the versions that changes and links name.
    """
    folded = Folded(rule_sets)
    for event in sorted([*changes, *links], key=lambda event: event.number):
        if isinstance(event, Change):
            folded.apply(event)
        else:
            folded.link(event)
    return folded


def check_observed_at(observed_at: datetime | None, now: datetime) -> None:
    """Refuse an observation of the future.

    Raises:
        ObservedInFuture: it is one.
    """
    if observed_at is not None and observed_at > now + CLOCK_MARGIN:
        raise ObservedInFuture(pointer="/observed_at")


def displaces(
    order: Sequence[str] | None, present: Entry | None, value: Any, source: str, observed_at: datetime | None = None
) -> Reason | None:
    """Return why a value that a source tells takes the place of the present one, or None when it does not.

    The same value told again leaves the first in its place, unless who tells it now is believed more, or saw it later.

    Args:
        order: sources of the field, the most believed first; None lets the latest count.
        present: what is there.
        value: what is told; None empties.
        source: who tells it.
        observed_at: when it was true, where the source knows; None stands for the time at which it is told.
    """
    if present is None:
        return None if value is None and observed_at is None else "latest"
    seen_at = moment_of(present.change)
    before, after = (_rank(order, present.change.provenance.source), _rank(order, source)) if order else (0, 0)
    if observed_at is not None and observed_at < seen_at and after >= before:
        return None
    is_news = not same(present.value, value) or (observed_at is not None and observed_at > seen_at)
    if present.value is None:
        return "latest" if is_news else None
    if after > before or (after == before and not is_news):
        return None
    return "source_order" if after < before else "latest"


def moment_of(change: Change) -> datetime:
    """Return when what a change tells was true, as far as is known: when it was observed, else when it was recorded."""
    return change.provenance.observed_at or change.recorded_at


def survives(order: Sequence[str] | None, survivors: Entry | None, merged: Entry) -> Entry:
    """Return what a field holds after a merge.

    Args:
        order: sources of the field, the most believed first.
        survivors: what the survivor holds.
        merged: what the merged one holds, not empty.
    """
    if survivors is None or survivors.value is None:
        return merged._replace(reason="merged")
    if order and _rank(order, merged.change.provenance.source) < _rank(order, survivors.change.provenance.source):
        return merged._replace(reason="source_order")
    return survivors._replace(reason="survivor")


def losing(changes: Iterable[Change], name: str, winner: Change) -> list[Change]:
    """Return the last that each source told of each record about a field, newest first, but the winner and what is empty."""
    last: dict[tuple[str, str], Change] = {}
    for change in sorted(changes, key=lambda change: change.number):
        if name in change.fields:
            last[change.record_id, change.provenance.source] = change
    kept = (change for change in last.values() if change.number != winner.number and change.fields[name] is not None)
    return sorted(kept, key=lambda change: -change.number)


def repeats(changes: Sequence[Change], links: Sequence[Link], told: Change, name: str) -> bool:
    """Tell whether a family knows already what is told of a field, so that nothing depends on hearing it again.

    It does when the last word on the field was the same, from the same source, of the same record, observed at the same time if at
    any, under the same rules, and no link was made since: then it is the last word in every part of the family too.

    Args:
        changes: of the family, by number.
        links: those that hold.
        told: what is told now.
        name: the field.
    """
    last = next((change for change in reversed(changes) if name in change.fields), None)
    return (
        last is not None
        and last.record_id == told.record_id
        and last.provenance.source == told.provenance.source
        and last.provenance.observed_at == told.provenance.observed_at
        and last.rules_version == told.rules_version
        and all(link.number < last.number for link in links)
        and same(last.fields[name], told.fields[name])
    )


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same to JSON, which knows true from 1 and 1 from 1.0."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def _rank(order: Sequence[str], source: str) -> int:
    """Return the place of a source; those that the order does not name share the last."""
    return order.index(source) if source in order else len(order)
