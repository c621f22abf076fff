"""Rows that speak of one customer, and what they tell together: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from customers.identities.rules import Identity
from customers.imports import storing
from customers.imports.preparing import Prepared, prepare
from customers.imports.targets import Key
from customers.imports.validation import Draft
from customers.profiles.rules import OBJECTS

# Sorts after every moment that a row tells.
_NOW = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Group:
    """Rows of one customer, or such as may turn out to be.

    Attributes:
        drafts: in the order of the file.
    """

    drafts: list[Draft]
    _fields: Mapping[str, Any] | None = None

    @property
    def fields(self) -> Mapping[str, Any]:
        """What the rows tell, the later ones having the last word."""
        if self._fields is None:
            self._fields = _all_of(self.drafts)
        return self._fields

    @property
    def identities(self) -> dict[str, Identity]:
        """The further identities that the rows tell, by their target; the last of each."""
        return {target: identity for draft in self.drafts for target, identity in draft.identities.items()}

    @property
    def first(self) -> Sequence[Draft]:
        """The rows that were true first, all of one moment."""
        return self.drafts if len(self.drafts) == 1 else _by_moment(self.drafts)[0]

    def prepared(self, columns: tuple[str, ...]) -> Prepared:
        """Who he was at first, if nobody knows him."""
        if len(self.drafts) == 1:
            return self.drafts[0].prepared
        return prepare(_all_of(self.first), columns, self.first[0].observed_at)

    def told_later(self) -> storing.Told | None:
        """What was true later than what he was at first."""
        moments = _by_moment(self.drafts)[1:] if len(self.drafts) > 1 else ()
        return _told(moments) if moments else None


def together(drafts: Iterable[Draft]) -> list[Group]:
    """Return rows in groups, in their order; those of one group share identities, of different groups none."""
    found: dict[Key, list[Draft]] = {}
    for draft in drafts:
        if len(draft.keys) == 1:
            found.setdefault(draft.keys[0], []).append(draft)
            continue
        met = {id(each): each for key in draft.keys if (each := found.get(key)) is not None}
        own, *others = met.values() or ([],)
        for other in others:
            own += other
            found.update((key, own) for each in other for key in each.keys)
        own.append(draft)
        found.update((key, own) for key in draft.keys)
    groups = {id(rows): rows for rows in found.values()}
    return [Group(rows if len(rows) == 1 else sorted(rows, key=lambda draft: draft.row)) for rows in groups.values()]


def told_by(groups: Sequence[Group]) -> storing.Told:
    """Return what groups tell of one customer."""
    if len(groups) == 1 and all(draft.observed_at is None for draft in groups[0].drafts):
        return storing.Told(groups[0].fields)
    return _told(_by_moment([draft for group in groups for draft in group.drafts]))


def _by_moment(drafts: Sequence[Draft]) -> list[list[Draft]]:
    """Return rows of one customer by when they were true, the earliest first; rows that do not tell are true now."""
    moments: dict[datetime, list[Draft]] = {}
    for draft in drafts:
        moments.setdefault(draft.observed_at or _NOW, []).append(draft)
    return [moments[moment] for moment in sorted(moments)]


def _told(moments: Sequence[Sequence[Draft]]) -> storing.Told:
    *earlier, last = [storing.Told(_all_of(drafts), observed_at=drafts[0].observed_at) for drafts in moments]
    return last._replace(earlier=earlier)


def _all_of(drafts: Sequence[Draft]) -> Mapping[str, Any]:
    """Return what rows tell, the later ones having the last word."""
    fields = drafts[0].fields
    for draft in drafts[1:]:
        fields = _put_together(fields, draft.fields)
    return fields


def _put_together(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two rows tell: the later one has the last word on each field, and on each member of an object."""
    fields = {**before, **after}
    for name in OBJECTS:
        if before.get(name) is not None and after.get(name) is not None:
            fields[name] = {**before[name], **after[name]}
    return fields
