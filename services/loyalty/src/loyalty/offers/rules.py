"""Who is held out, what an offer gives, where it stands, and what a campaign has brought. Pure.

Which offers are made is decided in the database, over all members at once; `due` and `is_control` have twins there, and tests hold them
together.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from hashlib import sha256
from itertools import pairwise
from typing import Any, Literal

from shared.statistics import Z_95, Interval, wilson_interval

_HASHED_BYTES = 4
_WHOLE_BP = 10_000
_WHOLE_PERCENT = 100

State = Literal["made", "viewed", "activated", "redeemed", "expired"]


@dataclass(frozen=True, slots=True)
class Habit:
    """How often somebody bought one thing.

    Attributes:
        purchases: days on which it was bought.
        every_days: median gap between them in whole days, the lower one of two; None with a single purchase.
        days_since: days since the last of them.
    """

    purchases: int
    every_days: int | None
    days_since: int


@dataclass(frozen=True, slots=True)
class Benefit:
    """What an offer gives: `points`, points times `factor` for what fits, or a code that takes a percentage off.

    Attributes:
        kind: points, multiplier or percent_off.
        points: of the first kind.
        factor: of the second.
        max_points: the most that a multiplier gives on top.
    """

    kind: str
    points: int = 0
    factor: Fraction = Fraction(1)
    max_points: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What members of a group did while their offers ran.

    Attributes:
        members: how many there are.
        converted: how many of them bought what their offer is for.
        spent_minor: what all of them spent, less what came back, in minor units.
        spent_squared: the sum of the squares of what each spent.
    """

    members: int
    converted: int
    spent_minor: int
    spent_squared: int

    @property
    def mean_minor(self) -> Fraction | None:
        """What a member spent, None without members."""
        return Fraction(self.spent_minor, self.members) if self.members else None

    @property
    def variance(self) -> Fraction | None:
        """Of what members spent, None below two of them."""
        if self.members < 2:
            return None
        return (self.spent_squared - Fraction(self.spent_minor**2, self.members)) / (self.members - 1)


def is_control(salt: str, root_id: str, control_share_bp: int) -> bool:
    """Return whether a person is held out: the first 32 bits of SHA-256 over the campaign's salt and his root id decide, for ever.

    Args:
        salt: of the campaign, so that each holds out others.
        root_id: the root of his family.
        control_share_bp: how many are held out, in hundredths of a per cent.
    """
    digest = sha256(f"{salt}:{root_id}".encode()).digest()
    return int.from_bytes(digest[:_HASHED_BYTES], "big") % _WHOLE_BP < control_share_bp


def habit_of(days: Sequence[date], today: date) -> Habit:
    """Return how often something was bought.

    Args:
        days: on which it was bought, at least one, in any order, each as often as one likes.
        today: the day that is looked from.
    """
    distinct = sorted(set(days))
    gaps = sorted((later - earlier).days for earlier, later in pairwise(distinct))
    return Habit(len(distinct), gaps[(len(gaps) - 1) // 2] if gaps else None, (today - distinct[-1]).days)


def is_due(strategy: str, parameters: Mapping[str, Any], habit: Habit) -> bool:
    """Return whether a habit gives reason for an offer.

    Args:
        strategy: affinity: bought often enough; replenishment: about time again, but not long past; lapsed_favourite: not for so many
            of its own intervals.
        parameters: of the campaign.
        habit: of one member and one thing.
    """
    if habit.purchases < parameters["min_purchases"]:
        return False
    if strategy == "affinity":
        return True
    if habit.every_days is None:
        return False
    if strategy == "replenishment":
        is_time = habit.days_since * _WHOLE_PERCENT >= habit.every_days * (_WHOLE_PERCENT - parameters["early_percent"])
        return is_time and habit.days_since < habit.every_days * parameters["late_intervals"]
    return habit.days_since >= habit.every_days * parameters["intervals"]


def points_of(benefit: Benefit, base: int) -> int:
    """Return the points that an order gives by an offer, never rounded up.

    Args:
        benefit: of the offer.
        base: points that what fits earns by the programme's rate.
    """
    if benefit.kind == "points":
        return benefit.points
    if benefit.kind != "multiplier":
        return 0
    extra = max(int(base * benefit.factor) - base, 0)
    return extra if benefit.max_points is None else min(extra, benefit.max_points)


def state_of(
    moment: datetime, valid_until: datetime, *, viewed_at: datetime | None, activated_at: datetime | None, order_id: str | None
) -> State:
    """Return where an offer stands at a moment; from its last instant on it is expired, unless an order has redeemed it."""
    if order_id is not None:
        return "redeemed"
    if moment >= valid_until:
        return "expired"
    if activated_at is not None:
        return "activated"
    return "viewed" if viewed_at is not None else "made"


def difference_of_conversion(offered: Group, control: Group) -> float | None:
    """Return by how much the share of those who bought is greater with offers; None when a group is empty."""
    if not offered.members or not control.members:
        return None
    return offered.converted / offered.members - control.converted / control.members


def difference_of_spend(offered: Group, control: Group) -> float | None:
    """Return by how many minor units a member with offers spent more; None when a group is empty."""
    if offered.mean_minor is None or control.mean_minor is None:
        return None
    return float(offered.mean_minor - control.mean_minor)


def uplift_of_conversion(offered: Group, control: Group) -> Interval | None:
    """Return the interval at 95 % of the difference of two shares, offered less control; None when a group is empty.

    Newcombe's hybrid score interval: it is made of the Wilson intervals of both shares, and keeps its coverage for small groups and for
    shares near 0 and 1, where the plain one fails.

    Source: Newcombe 1998, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17, method 10.
    """
    first, second = wilson_interval(offered.converted, offered.members), wilson_interval(control.converted, control.members)
    if first is None or second is None:
        return None
    share, other = offered.converted / offered.members, control.converted / control.members
    below = math.hypot(share - first.low, second.high - other)
    above = math.hypot(first.high - share, other - second.low)
    return Interval(share - other - below, share - other + above)


def uplift_of_spend(offered: Group, control: Group) -> Interval | None:
    """Return the interval at 95 % of the difference of spend a head in minor units, offered less control; None below two in a group.

    Welch's standard error with the normal quantile: the groups may differ in size and spread, and are large.

    Source: Welch 1938, "The significance of the difference between two means when the population variances are unequal", Biometrika 29.
    """
    if offered.variance is None or control.variance is None or offered.mean_minor is None or control.mean_minor is None:
        return None
    difference = float(offered.mean_minor - control.mean_minor)
    margin = Z_95 * math.sqrt(offered.variance / offered.members + control.variance / control.members)
    return Interval(difference - margin, difference + margin)
