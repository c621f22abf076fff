"""What postings of partners are worth, in which periods their limits count, and what a settlement adds up to. Pure: integers only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

ACCRUAL, REDEMPTION = "accrual", "redemption"
# How each direction moves what the partner owes: he buys what he gives, and is paid for what he takes.
_SIGNS: Mapping[str, int] = {"accrual": 1, "accrual_reversal": -1, "redemption": -1, "redemption_reversal": 1}
DIRECTIONS = tuple(_SIGNS)
_EVERYBODY = ""


class Allowance(NamedTuple):
    """A limit that a posting has to fit in: its name, whose counter it is (nobody's: all), the period, and the most."""

    name: str
    customer_id: str
    period: str
    maximum: int


@dataclass(frozen=True, slots=True)
class Line:
    """Postings of one direction and price, added up."""

    direction: str
    price_minor: int
    price_points: int
    points: int
    count: int


@dataclass(frozen=True, slots=True)
class Total:
    """What one direction comes to in a period."""

    count: int
    points: int
    amount_minor: int


def earned(amount_minor: int, earn_points: int, earn_minor: int) -> int:
    """Return the points that an amount earns at a partner, rounded down.

    Args:
        amount_minor: what was bought, in minor units.
        earn_points: so many points ...
        earn_minor: ... for so many minor units.
    """
    return amount_minor * earn_points // earn_minor


def paid_with(amount_minor: int, price_minor: int, price_points: int) -> int | None:
    """Return the points that pay an amount, rounded up; None where points are worth nothing.

    Args:
        amount_minor: what is to be paid, in minor units.
        price_minor: so many minor units ...
        price_points: ... for so many points.
    """
    return -(-amount_minor * price_points // price_minor) if price_minor > 0 else None


def money_of(points: int, price_minor: int, price_points: int) -> int:
    """Return what points cost, in minor units, rounded half up."""
    return (2 * points * price_minor + price_points) // (2 * price_points)


def allowances(limits: Mapping[str, Any], customer_id: str, moment: datetime, zone: ZoneInfo) -> list[Allowance]:
    """Return the limits that a posting has to fit in.

    Args:
        limits: `points_per_day`, `points_per_month`, `member_points_per_day`; none where absent or null.
        customer_id: who gets or spends; the root of his family.
        moment: of the posting.
        zone: by which days and months are told apart.
    """
    local = moment.astimezone(zone)
    day, month = local.date().isoformat(), f"{local.year}-{local.month:02}"
    # The one that is over last stands first: of several that are used up it tells when there is room.
    of = (("points_per_month", _EVERYBODY, month), ("points_per_day", _EVERYBODY, day), ("member_points_per_day", customer_id, day))
    return [Allowance(name, whose, period, limits[name]) for name, whose, period in of if limits.get(name) is not None]


def seconds_left(name: str, moment: datetime, zone: ZoneInfo) -> float:
    """Return in how many seconds the period of a limit is over where the programme is at home."""
    local = moment.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow, next_month = midnight + timedelta(days=1), (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    first = next_month if name == "points_per_month" else tomorrow
    # By the clock, not by the wall: a day has 23 hours now and then.
    return first.timestamp() - moment.timestamp()


def totals(lines: Iterable[Line]) -> dict[str, Total]:
    """Return what each direction comes to; of each price the money is rounded once, on the sum of its points."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in lines:
        own = sums[line.direction]
        own[0] += line.count
        own[1] += line.points
        own[2] += money_of(line.points, line.price_minor, line.price_points)
    return {direction: Total(*sums[direction]) for direction in DIRECTIONS}


def net_minor(of: Mapping[str, Total]) -> int:
    """Return what the partner owes after all; below zero it is owed to him."""
    return sum(_SIGNS[direction] * total.amount_minor for direction, total in of.items())


def net_points(of: Mapping[str, Total]) -> int:
    """Return by how many points members have more after all."""
    return sum(_SIGNS[direction] * total.points for direction, total in of.items())
