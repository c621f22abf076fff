"""What a customer's answers amount to: over all records that stand for him, and with what the law asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

State = Literal["granted", "pending", "withdrawn"]
LegalBasis = Literal["consent", "contract", "legal_obligation", "vital_interest", "public_task", "legitimate_interest"]
Reason = Literal["granted", "withdrawn", "pending", "never_asked", "restricted", "legal_basis"]

_STRICTNESS: Mapping[State, int] = {"granted": 0, "pending": 1, "withdrawn": 2}
# Against the others a customer cannot object (GDPR article 21(1)).
_OPEN_TO_OBJECTION = frozenset({"legitimate_interest", "public_task"})


@dataclass(frozen=True, slots=True)
class Held:
    """The present answer of one record to one purpose and channel.

    Attributes:
        consent_id: `con_…`.
        record_id: the record that gave it, `cus_…`.
        version: of the consent.
        state: what was answered.
        observed_at: when it was answered.
        number: its place among all answers and merges, in the order in which they were recorded.
    """

    consent_id: str
    record_id: str
    version: int
    state: State
    observed_at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Link:
    """A live merge.

    Attributes:
        merged_id: the record that belongs to another.
        survivor_id: that other.
        number: its place among all answers and merges.
    """

    merged_id: str
    survivor_id: str
    number: int


class Verdict(NamedTuple):
    """Whether a customer may be addressed, and why."""

    allowed: bool
    reason: Reason


def effective(answers: Sequence[Held], links: Sequence[Link]) -> Held | None:
    """Return the answer that counts for a customer, or None when he was never asked.

    The most restrictive answer of his records counts: merging never loses an opt-out. Only what he answers after two
    records were joined speaks for both of them, so that he can change his mind; unmerging gives each its own answer back.

    Args:
        answers: of all his records, to one purpose and channel.
        links: the live merges among these records.
    """
    standing = [answer for answer in answers if not any(_replaces(other, answer, links) for other in answers)]
    return max(standing, key=lambda answer: (_STRICTNESS[answer.state], answer.observed_at, answer.number), default=None)


def _replaces(later: Held, earlier: Held, links: Sequence[Link]) -> bool:
    if later.record_id == earlier.record_id:
        return (later.observed_at, later.number) > (earlier.observed_at, earlier.number)
    since = joined_since(later.record_id, earlier.record_id, links)
    if since is None or later.number < since or later.number < earlier.number:
        return False
    return later.observed_at >= earlier.observed_at


def joined_since(one: str, other: str, links: Sequence[Link]) -> int | None:
    """Return the number of the merge that joined two records, or None when they do not belong together."""
    above = {link.merged_id: link for link in links}
    numbers = _way_up(one, above)
    for record_id, number in _way_up(other, above).items():
        if record_id in numbers:
            return max(number, numbers[record_id])
    return None


def _way_up(record_id: str, above: Mapping[str, Link]) -> dict[str, int]:
    """Return each record on the way to the root with the latest merge on the way to it."""
    way = {record_id: 0}
    latest = 0
    while (link := above.get(record_id)) is not None and link.survivor_id not in way:
        record_id, latest = link.survivor_id, max(latest, link.number)
        way[record_id] = latest
    return way


def decide(legal_basis: LegalBasis, state: State | None, *, restricted: bool) -> Verdict:
    """Return whether a customer may be addressed.

    Args:
        legal_basis: of the purpose; `consent` for a purpose that nobody described.
        state: the answer that counts, or None when he was never asked.
        restricted: whether the processing of his data is restricted, which goes before everything.

    Source: GDPR articles 6(1), 7(3), 18 and 21.
    """
    if restricted:
        return Verdict(allowed=False, reason="restricted")
    if legal_basis == "consent":
        return Verdict(allowed=state == "granted", reason=state or "never_asked")
    if legal_basis in _OPEN_TO_OBJECTION and state == "withdrawn":
        return Verdict(allowed=False, reason="withdrawn")
    return Verdict(allowed=True, reason="legal_basis")


def answered(*, granted: bool, double_opt_in: bool, confirmed: bool = False) -> State:
    """Return the state after an answer.

    Args:
        granted: what was answered.
        double_opt_in: whether the purpose wants a second step.
        confirmed: whether the answer came by the way that it is about, which is that second step.
    """
    if not granted:
        return "withdrawn"
    return "pending" if double_opt_in and not confirmed else "granted"
