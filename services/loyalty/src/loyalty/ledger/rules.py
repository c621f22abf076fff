"""What an order earns and what of it a return leaves. Pure: integers in, integers out.

`points_for` has a twin in SQL, which posts whole batches; tests hold the two together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from loyalty.ledger.errors import ContradictingEvent, UnusableEvent

# Times the greatest numerator of a rate it still fits 64 bits.
MAX_AMOUNT_MINOR = 10**15
_MAX_ID_LENGTH = 200
_YEARS = range(1900, 9999)


@dataclass(frozen=True, slots=True)
class Rate:
    """How much money earns how many points: `numerator` points for `denominator` minor units."""

    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order as the ledger remembers it; `amount_minor` is its sum in minor units."""

    order_id: str
    customer_id: str
    placed_at: datetime
    amount_minor: int

    @property
    def id(self) -> str:
        """The id by which the ledger knows it."""
        return self.order_id


@dataclass(frozen=True, slots=True)
class Return:
    """Some of a purchase that came back; `amount_minor` is the sum of what came back in minor units.

    A cancellation is a return of all that is left: it has no amount, and the order's id for its own.
    """

    return_id: str
    purchase: Purchase
    returned_at: datetime
    amount_minor: int | None

    @property
    def id(self) -> str:
        """The id by which the ledger knows it."""
        return self.return_id


T = TypeVar("T", Purchase, Return)

# The wallets that every programme has.
POINTS, TIER_POINTS = "points", "tier_points"


@dataclass(frozen=True, slots=True)
class Grant:
    """Points that a member is to get, as a lot of their own.

    Attributes:
        customer_id: who gets them; one of whom nothing was heard yet becomes a member.
        points: at least 1.
        source_id: what caused it; with `kind` it names the grant for ever, and granting it again changes nothing.
        occurred_at: when the reason arose; the lot is as old as that.
        kind: accrual (counts for lifetime points) or adjustment.
        wallet: code of the wallet.
        available_from: pending until then; at once when None.
        expires_at: from then on nothing of it counts; as the programme's policy has it when None.
        order_id: the order, when one caused it.
        counter: the programme's side: issuance, adjustment, or `partner:` and the partner's id.
        rule_version: the rule and its version.
        explanation: the rule's inputs and arithmetic; no personal data, for it can never be deleted.
    """

    customer_id: str
    points: int
    source_id: str
    occurred_at: datetime
    kind: str = "accrual"
    wallet: str = POINTS
    available_from: datetime | None = None
    expires_at: datetime | None = None
    order_id: str | None = None
    counter: str = "issuance"
    rule_version: str | None = None
    explanation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """Points that a member is to spend or lose: first what expires first, of what is available and not held.

    Attributes:
        customer_id: whose; redemptions draw from his household too, adjustments from his family only.
        points: at least 1.
        source_id: what caused it; with `kind` it names the draw for ever, and drawing it again changes nothing.
        occurred_at: when the reason arose; the moment of posting when None.
        kind: redemption, adjustment, or reversal of something earned that no order tells of.
        wallet: code of the wallet.
        order_id: the order, when it was about one.
        counter: the programme's side: spent, adjustment, or `partner:` and the partner's id.
        rule_version: the rule and its version.
        explanation: inputs and arithmetic; no personal data, for it can never be deleted.
    """

    customer_id: str
    points: int
    source_id: str
    occurred_at: datetime | None = None
    kind: str = "redemption"
    wallet: str = POINTS
    order_id: str | None = None
    counter: str = "spent"
    rule_version: str | None = None
    explanation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Restoration:
    """Points of a redemption that are to come back to the lots that they came from, whose expiry they keep.

    Attributes:
        drawn_source_id: `source_id` of the redemption, or the id of the captured hold.
        source_id: what caused it; it names the restoration for ever, and restoring it again changes nothing.
        points: how many; all that is left to restore when None.
        occurred_at: when the reason arose; the moment of posting when None.
    """

    drawn_source_id: str
    source_id: str
    points: int | None = None
    occurred_at: datetime | None = None


def points_for(amount_minor: int, rate: Rate) -> int:
    """Return what an amount earns: whole points, never rounded up; an amount below zero earns nothing."""
    return max(amount_minor, 0) * rate.numerator // rate.denominator


def points_kept(purchase_minor: int, returned_minor: int, rate: Rate) -> int:
    """Return the points that a purchase keeps after returns.

    They depend on the sum of the returns only, so returns may be split and come in any order, and nothing is lost to rounding.

    Args:
        purchase_minor: sum of the purchase.
        returned_minor: sum of all its returns so far; more than the purchase leaves nothing.
        rate: the rate on the day of the purchase.
    """
    return points_for(purchase_minor - returned_minor, rate)


def distinct(told: Iterable[T]) -> list[T]:
    """Return each purchase or return once, in the order told.

    Raises:
        ContradictingEvent: one id stands for two different things.
    """
    first: dict[str, T] = {}
    for thing in told:
        if first.setdefault(thing.id, thing) != thing:
            raise ContradictingEvent
    return list(first.values())


def check_purchase(purchase: Purchase) -> Purchase:
    """Return the purchase.

    Raises:
        UnusableEvent: a value is out of all bounds.
    """
    check_id("order_id", purchase.order_id)
    check_id("customer_id", purchase.customer_id)
    check_moment("placed_at", purchase.placed_at)
    if abs(purchase.amount_minor) > MAX_AMOUNT_MINOR:
        raise UnusableEvent("amount_minor")
    return purchase


def check_return(returned: Return) -> Return:
    """Return the return.

    Raises:
        UnusableEvent: a value is out of all bounds, or less than nothing came back.
    """
    check_purchase(returned.purchase)
    check_id("return_id", returned.return_id)
    check_moment("returned_at", returned.returned_at)
    if returned.amount_minor is not None and not 0 <= returned.amount_minor <= MAX_AMOUNT_MINOR:
        raise UnusableEvent("amount_minor")
    return returned


def check_moment(field: str, moment: datetime) -> None:
    """Refuse a moment without a zone, or in a year that no trade was or will be in.

    Raises:
        UnusableEvent: it is such a moment.
    """
    if moment.tzinfo is None or moment.year not in _YEARS:
        raise UnusableEvent(field)


def check_id(field: str, value: str) -> None:
    """Refuse an id that no text column could hold or no service would make.

    Raises:
        UnusableEvent: it is such an id.
    """
    if not 0 < len(value) <= _MAX_ID_LENGTH or "\0" in value:
        raise UnusableEvent(field)
