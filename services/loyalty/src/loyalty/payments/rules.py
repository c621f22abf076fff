"""How much of a purchase points pay. Pure, in integers."""

from typing import NamedTuple


class Worth(NamedTuple):
    """So many minor units of money for so many points."""

    amount_minor: int
    points: int


class Paid(NamedTuple):
    """What points pay: so many of them, so many minor units."""

    points: int
    amount_minor: int


def paid_with(points: int, worth: Worth, payable_minor: int) -> Paid:
    """Return what points pay: rounded down, never more than there is to pay, and by no more points than that takes.

    Args:
        points: those that may be spent.
        worth: of points in money.
        payable_minor: what there is to pay.
    """
    amount = min(points * worth.amount_minor // worth.points, payable_minor)
    return Paid(-(-amount * worth.points // worth.amount_minor), amount) if amount > 0 else Paid(0, 0)
