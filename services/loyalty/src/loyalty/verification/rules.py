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
    return not proof.findings and totals.sum == 0 and totals.points_issued - totals.points_reversed == totals.points_outstanding
