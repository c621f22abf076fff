"""The accumulating discount: the more bought in a window, the higher the percentage. Pure, in integers.

Percentages are hundredths of a per cent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


class Step(NamedTuple):
    """From how much on which percentage is given."""

    from_minor: int
    percent_bp: int


@dataclass(frozen=True, slots=True)
class Discount:
    """What a member gets off now.

    Attributes:
        percent_bp: the percentage of the step that he stands on; 0 below the first.
        next_percent_bp: that of the next step, if there is one.
        missing_minor: how much more he has to buy for it.
    """

    percent_bp: int
    next_percent_bp: int | None
    missing_minor: int | None


def discount_of(steps: Sequence[Step], bought_minor: int) -> Discount:
    """Return the discount for what was bought.

    Args:
        steps: in rising order of both figures.
        bought_minor: sum in the window, less what came back.
    """
    reached = [step for step in steps if step.from_minor <= bought_minor]
    ahead = next((step for step in steps if step.from_minor > bought_minor), None)
    return Discount(
        percent_bp=reached[-1].percent_bp if reached else 0,
        next_percent_bp=ahead.percent_bp if ahead is not None else None,
        missing_minor=ahead.from_minor - bought_minor if ahead is not None else None,
    )


def is_rising(steps: Sequence[Step]) -> bool:
    """Return whether each step asks for more and gives more than the one before."""
    return all(a.from_minor < b.from_minor and a.percent_bp < b.percent_bp for a, b in pairwise(steps))
