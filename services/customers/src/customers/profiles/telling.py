"""What is told of records, applied to the profiles of their families."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from customers.profiles.facts import PREFIX, differing, facts_of, profile_of
from customers.profiles.records import Locked, Told
from customers.profiles.repository import Stored
from customers.profiles.rules import amended
from customers.provenance import repository as provenance
from customers.provenance.repository import Facts
from customers.provenance.rules import OWN, Change, Provenance, RuleSet, fold, repeats
from shared.database.pool import Connection

# Numbers of changes that are not written yet come after all others.
_UNWRITTEN = 2**62
_NEVER = datetime.max.replace(tzinfo=UTC)


class Family:
    """A locked family while it is told things.

    Attributes:
        root: the row of its root, as it was.
        told: the change sets to be written.
        steps: profiles after each step that changed something, with the sorted names of the fields that it changed.
    """

    def __init__(self, locked: Locked, facts: Facts | None = None, rule_sets: Mapping[int, RuleSet] | None = None) -> None:
        self.root = locked.root
        self.told: list[Told] = []
        self.steps: list[tuple[Stored, list[str]]] = []
        self._rules_version = locked.rules_version
        self._facts = facts
        rules = {**(rule_sets or {}), locked.rules_version: locked.rules}
        self._folded = fold(facts.changes, facts.links, rules) if facts is not None else None

    @property
    def now(self) -> Stored:
        """The root as it is after all that was told."""
        return self.steps[-1][0] if self.steps else self.root

    def tell(self, record: Locked, fields: Mapping[str, Any], told: Provenance, attributes: Iterable[str] | None = None) -> None:
        """Let the family know some fields of one of its records.

        Args:
            record: of whom they are told.
            fields: new values by the names of a profile; None empties. `attributes` are all that the family has after it.
            told: who tells them.
            attributes: names of the attributes that are told; None when all are.
        """
        before = self.now
        if self._facts is None:
            profile, changed = amended(before.profile, fields)
            facts = facts_of(profile, changed, before.profile)
        else:
            facts = self._told(record, fields, told, attributes)
            profile = profile_of(self._folded.values(record.record_id)) if self._folded is not None else before.profile
            changed = differing(before.profile, profile) if facts else []
        if facts:
            self.told.append(Told(record.record_id, told, self._rules_version if self._facts is not None else 0, facts))
        if changed:
            self.steps.append((before._replace(version=before.version + 1, profile=profile), changed))

    def _told(self, record: Locked, fields: Mapping[str, Any], told: Provenance, attributes: Iterable[str] | None) -> dict[str, Any]:
        """Return the facts that are not known yet, after they took their place."""
        assert self._facts is not None
        assert self._folded is not None
        seen = self.now.profile
        after = amended(seen, fields)[0]
        names = [name for name in fields if name != "attributes" and not (name == OWN and fields[name] == record.external_id)]
        told_facts = facts_of(after, names)
        if "attributes" in fields:
            named = seen.attributes.keys() | after.attributes.keys() if attributes is None else attributes
            told_facts |= {PREFIX + name: after.attributes.get(name) for name in sorted(named)}
        number = _UNWRITTEN + len(self._facts.changes)
        change = Change(number, "", record.record_id, _NEVER, told, self._rules_version, told_facts)
        new = {name: value for name, value in told_facts.items() if not repeats(self._facts.changes, self._facts.links, change, name)}
        if new:
            change = change._replace(fields=new)
            self._folded.apply(change)
            self._facts.changes.append(change)
        return new


async def families(connection: Connection, locked: Sequence[tuple[Locked, Iterable[str]]], *, are_dated: bool = False) -> dict[str, Family]:
    """Return the families of locked records by their roots, ready to be told things.

    A customer who is alone, whose fields no rule names, and of whom nothing is told that was observed earlier, needs no more than
    his row.

    Args:
        connection: in the transaction of the locks.
        locked: records with the names of the fields that will be told.
        are_dated: whether something of what will be told says when it was observed.
    """
    records = {record.root.id: record for record, _ in locked}
    folded = sorted({record.root.id for record, names in locked if are_dated or record.family_size > 1 or is_ruled(record.rules, names)})
    if not folded:
        return {root_id: Family(record) for root_id, record in records.items()}
    facts = await provenance.facts(connection, folded)
    events = [event for each in facts.values() for event in (*each.changes, *each.links)]
    rule_sets = await provenance.rule_sets(connection, {event.rules_version for event in events})
    return {root_id: Family(record, facts.get(root_id), rule_sets) for root_id, record in records.items()}


def is_ruled(rules: RuleSet, names: Iterable[str]) -> bool:
    """Tell whether a survivorship rule has a say in one of these fields of a profile."""
    return any(name in rules or (name == "attributes" and any(rule.startswith(PREFIX) for rule in rules)) for name in names)
