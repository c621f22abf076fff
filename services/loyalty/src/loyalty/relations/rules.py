"""What it means that two customers may be one person, or use one device, card or account. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

SUSPECTED = "suspected_duplicate"
_SHARED = "shared_"


class Relation(NamedTuple):
    """How two families relate.

    Attributes:
        score: how sure it is that they are one person, 0 to 100; None where nobody suspects it, or somebody denied it.
        shared: kinds of identities that both use, sorted.
    """

    score: int | None = None
    shared: Sequence[str] = ()


def suspicions_of(relation: Relation, least_score: int) -> list[str]:
    """Return what speaks against two customers being strangers, as codes.

    Args:
        relation: of the two.
        least_score: from which on they are suspected to be one person.
    """
    suspected = [SUSPECTED] if relation.score is not None and relation.score >= least_score else []
    return suspected + [f"{_SHARED}{kind}" for kind in relation.shared]


def is_of_relation(suspicion: str) -> bool:
    """Return whether a suspicion is of how two relate, which may change."""
    return suspicion == SUSPECTED or (suspicion.startswith(_SHARED) and suspicion != "shared_household_before")
