"""What a merge would do to the profile of the survivor, and how a preview of it is recognised."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import orjson

from customers.provenance.rules import OWN, Entries, Reason, RuleSet, same, survives

MAX_FAMILY = 1_000

Side = Literal["survivor", "merged"]


class FieldOutcome(NamedTuple):
    """A field that the merged customer has and the survivor has not, or has otherwise.

    Attributes:
        field: its name; each attribute is a field `attributes.<name>`.
        survivor: what the survivor holds.
        merged: what the merged one holds.
        winner: whose value the customer has after the merge.
        reason: why.
    """

    field: str
    survivor: Any
    merged: Any
    winner: Side
    reason: Reason


class ConsentOutcome(NamedTuple):
    """An answer that two customers gave otherwise, or that one of them never gave.

    Attributes:
        purpose: what for.
        channel: through what.
        survivor: the survivor's answer, None when he was never asked.
        merged: the merged one's.
        result: what counts after the merge.
    """

    purpose: str
    channel: str
    survivor: str | None
    merged: str | None
    result: str


def outcomes(survivor: Entries, merged: Entries, rules: RuleSet) -> list[FieldOutcome]:
    """Return what becomes of the fields that the merged customer has, without those that both hold alike.

    Args:
        survivor: what counts for the survivor.
        merged: what counts for the merged one.
        rules: the survivorship rules in force.
    """
    found: list[FieldOutcome] = []
    for name in sorted(merged):
        entry, present = merged[name], survivor.get(name)
        if name == OWN or entry.value is None or (present is not None and same(present.value, entry.value)):
            continue
        chosen = survives(rules.get(name), present, entry)
        winner: Side = "survivor" if present is not None and chosen.change is present.change else "merged"
        found.append(FieldOutcome(name, present.value if present is not None else None, entry.value, winner, chosen.reason))
    return found


def token_of(preview: Mapping[str, Any]) -> str:
    """Return what a preview is recognised by: the same for the same content only."""
    return hashlib.sha256(orjson.dumps(preview, option=orjson.OPT_SORT_KEYS)).hexdigest()[:48]
