"""What is found of a ledger, and when it is sound."""

from typing import NamedTuple


class Totals(NamedTuple):
    """Counts and sums over the whole ledger."""

    members: int
    accounts: int
    lots: int
    sum: int
    points_outstanding: int
    entries: int
    points_issued: int
    points_reversed: int
    points_spent: int = 0
    points_expired: int = 0
    points_adjusted: int = 0


class Finding(NamedTuple):
    """A check that failed: how many things are broken, and up to five of their ids."""

    code: str
    broken: int
    examples: list[str]


class Proof(NamedTuple):
    """What was found, all of it at one moment."""

    totals: Totals
    checksum: str
    findings: list[Finding]


def is_sound(proof: Proof) -> bool:
    """Return whether nothing is broken and the sums agree with each other."""
    totals = proof.totals
    left = totals.points_issued - totals.points_reversed - totals.points_spent - totals.points_expired + totals.points_adjusted
    return not proof.findings and totals.sum == 0 and left == totals.points_outstanding


class Broken(NamedTuple):
    """The first place that is broken: the check that found it and the id of what it found."""

    code: str
    id: str


def first_broken(proof: Proof) -> Broken | None:
    """Return the first place that is broken, or None.

    A broken link of a chain comes before anything else: the entry that it names is the earliest of the member's that does not fit.
    """
    found = sorted(proof.findings, key=lambda finding: finding.code != "chain_broken")
    return Broken(found[0].code, found[0].examples[0]) if found else None
