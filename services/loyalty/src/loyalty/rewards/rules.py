"""What a reward costs, who may have it, and how often. Pure: integers in, integers out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.rules.conditions import holds, variables_of

# Kinds that somebody hands over; the others are given at once, as a code.
HANDED_OVER = frozenset({"goods", "experience"})
EVER = "ever"


@dataclass(frozen=True, slots=True)
class Price:
    """One way to pay for a piece: `points`, and `amount_minor` of `currency` where money is asked too."""

    option: str
    points: int
    amount_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """How many pieces a member may have in a period: day, week, month or year of the programme's zone, or ever."""

    quantity: int
    period: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a reward promises and asks.

    Attributes:
        prices: ways to pay, the usual one first.
        valid_from: from then on; always when None.
        valid_to: the first instant at which it is over; never when None.
        tiers: codes of the tiers whose members may have it; everybody when empty.
        condition: in CEL over `customer` and `tier`.
        minimum_balance: points that a member must have, whatever the price.
        limits: all of them count.
        is_archived: whether it was taken out of the catalogue.
    """

    prices: Sequence[Price]
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    tiers: frozenset[str] = frozenset()
    condition: str | None = None
    minimum_balance: int = 0
    limits: Sequence[Limit] = ()
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a member: his traits, his tier, and what he can spend."""

    spendable: int
    tier: str | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)


def in_force(terms: Terms, moment: datetime, ahead_hours: int = 0) -> bool:
    """Return whether a reward is to be had at a moment: the first instant of its time is in, the last is out.

    Args:
        terms: of the reward.
        moment: the instant.
        ahead_hours: how many hours before others a member may have what is new.
    """
    if terms.is_archived or (terms.valid_from is not None and moment < terms.valid_from - timedelta(hours=ahead_hours)):
        return False
    return terms.valid_to is None or moment < terms.valid_to


def ahead_hours_of(benefits: Mapping[str, Any]) -> int:
    """Return how many hours before others a tier's members may have what is new."""
    return benefits.get("early_access_hours", 0)


def not_eligible(terms: Terms, standing: Standing) -> str | None:
    """Return why a member may not have a reward: tier, condition or minimum_balance; None when he may."""
    if terms.tiers and standing.tier not in terms.tiers:
        return "tier"
    if not holds(terms.condition, variables_of({}, standing.traits, standing.tier)):
        return "condition"
    return "minimum_balance" if standing.spendable < terms.minimum_balance else None


def exceeded(limits: Iterable[Limit], had: Mapping[str, int], quantity: int) -> Limit | None:
    """Return the first limit that more pieces would break, or None.

    Args:
        limits: of the reward.
        had: pieces that the member had in the present period, by the kind of period.
        quantity: pieces that he wants now.
    """
    return next((limit for limit in limits if had.get(limit.period, 0) + quantity > limit.quantity), None)


def had_in_periods(taken: Iterable[tuple[datetime, int]], moment: datetime, zone: ZoneInfo) -> dict[str, int]:
    """Return how many pieces were had in the day, week, month and year of a moment, and ever.

    Args:
        taken: when, and how many pieces.
        moment: whose periods count.
        zone: by which days are told apart.
    """
    had: dict[str, int] = {}
    present = _periods(moment, zone)
    for when, quantity in taken:
        for period, name in _periods(when, zone).items():
            if present[period] == name:
                had[period] = had.get(period, 0) + quantity
    return had


def price_of(prices: Sequence[Price], option: str | None) -> Price | None:
    """Return the way to pay that is wanted, the usual one when none is named; None when there is no such way."""
    if option is None:
        return prices[0]
    return next((price for price in prices if price.option == option), None)


def missing_points(prices: Sequence[Price], spendable: int) -> int:
    """Return how many points a member lacks for the cheapest way to pay; 0 when he can have it now."""
    return max(min(price.points for price in prices) - spendable, 0)


def _periods(moment: datetime, zone: ZoneInfo) -> dict[str, tuple[int, ...]]:
    local = moment.astimezone(zone)
    year, week, _ = local.isocalendar()
    return {
        "day": (local.year, local.month, local.day),
        "week": (year, week),
        "month": (local.year, local.month),
        "year": (local.year,),
        EVER: (),
    }
