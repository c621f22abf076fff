"""The chain of hashes over the audit log: an entry that is changed, removed or put in between breaks it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import orjson

# What the first link follows, so that no other use of the hash can be taken for a chain.
START = hashlib.sha256(b"regulars audit log v1").digest()

Break = Literal["link_missing", "entry_missing", "entry_changed"]


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry as it was written.

    Attributes:
        id: its place in the log.
        recorded_at: UTC.
        actor: who did it.
        action: what.
        customer_id: the record that it touches.
        subject_id: what else it is about, such as a merge.
        fields: names of the fields that were read or changed.
    """

    id: int
    recorded_at: datetime
    actor: str
    action: str
    customer_id: str | None
    subject_id: str | None
    fields: Sequence[str]


class Head(NamedTuple):
    """Where a chain ends: keep it elsewhere, and a chain that was cut off is noticed."""

    link: int
    hash: bytes


class Stored(NamedTuple):
    """A link as it is kept, with its entry when that is still there."""

    link: int
    hash: bytes
    entry_id: int
    entry: Logged | None


class Fault(NamedTuple):
    """The first place where a chain is broken."""

    link: int
    entry_id: int | None
    reason: Break


def link_hash(before: bytes, link: int, entry: Logged) -> bytes:
    """Return the hash of a link: SHA-256 of the hash before it and of the entry's fields as a JSON array."""
    at = entry.recorded_at.astimezone(UTC).isoformat(timespec="microseconds")
    content = [link, entry.id, at, entry.actor, entry.action, entry.customer_id, entry.subject_id, list(entry.fields)]
    return hashlib.sha256(before + orjson.dumps(content)).digest()


def chained(head: Head, entries: Iterable[Logged]) -> list[Stored]:
    """Return the links that entries get after the head of a chain."""
    links = []
    for link, entry in enumerate(entries, head.link + 1):
        head = Head(link, link_hash(head.hash, link, entry))
        links.append(Stored(link, head.hash, entry.id, entry))
    return links


def first_fault(head: Head, links: Iterable[Stored]) -> tuple[Head, Fault | None]:
    """Return how far a chain holds, and where it breaks first.

    Args:
        head: the link before the first one.
        links: in order.
    """
    for stored in links:
        expected = head.link + 1
        if stored.link != expected:
            return head, Fault(expected, None, "link_missing")
        if stored.entry is None:
            return head, Fault(expected, stored.entry_id, "entry_missing")
        if link_hash(head.hash, expected, stored.entry) != stored.hash:
            return head, Fault(expected, stored.entry_id, "entry_changed")
        head = Head(expected, stored.hash)
    return head, None
