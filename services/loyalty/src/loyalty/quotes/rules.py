"""What a member pays for a basket: which discounts apply in which order, and to which lines. Pure: integers in, integers out.

The stacking order:

1. The member's own percentage, that of his tier or that of what he has bought so far, whichever is higher, off every line.
2. Codes that give an article, then those of a percentage, then those of an amount, then those for the shipping, and each kind in the order
   in which they were shown. Each takes from what the ones before it left.
3. A code that cannot be combined is taken alone or not at all: it is refused when another one was taken before it, and the others after it.

Whether a code is worth anything is asked of the basket as it was shown, at full prices. What is taken off a line is rounded down; what is
taken off several lines at once is rounded down as a whole and spread over them by what they cost, so that the parts add up to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from loyalty.tiers.rules import Scheme
from loyalty.vouchers.errors import VoucherNotCombinable
from loyalty.vouchers.rules import Article, Purchase, Terms, covers, discount

_WHOLE_BP = 10_000
_PLACES = {kind: place for place, kind in enumerate(("free_article", "percent", "amount", "shipping"))}


@dataclass(frozen=True, slots=True)
class Shown:
    """A code that was shown: what it promises, and why it is worth nothing (None when it is worth something)."""

    code: str
    terms: Terms
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """What something takes off.

    Attributes:
        source: tier, accumulating or voucher.
        name: the tier's code, the voucher's code, or nothing.
        by_line: minor units off each line.
        shipping_minor: minor units off the shipping.
    """

    source: str
    name: str | None
    by_line: tuple[int, ...]
    shipping_minor: int = 0

    @property
    def total_minor(self) -> int:
        """All of it."""
        return sum(self.by_line) + self.shipping_minor


@dataclass(frozen=True, slots=True)
class Priced:
    """A basket with all that comes off it, and the codes with the reasons why some were not taken."""

    cuts: tuple[Cut, ...]
    codes: tuple[Shown, ...]

    def left(self, basket: Purchase) -> list[int]:
        """Return what is left to pay of each line, in minor units."""
        lines = basket.lines or ()
        return [line.amount_minor - sum(cut.by_line[place] for cut in self.cuts) for place, line in enumerate(lines)]

    def shipping_left(self, basket: Purchase) -> int:
        """Return what is left to pay of the shipping, in minor units."""
        return (basket.shipping_minor or 0) - sum(cut.shipping_minor for cut in self.cuts)


def stacked(shown: Sequence[Shown]) -> list[Shown]:
    """Return codes in the order in which they apply."""
    return sorted(shown, key=lambda each: _PLACES[each.terms.kind])


def price(basket: Purchase, own: Cut | None, shown: Sequence[Shown]) -> Priced:
    """Return what comes off a basket.

    Args:
        basket: its lines at full prices, and what the shipping costs.
        own: the member's own percentage, as `percentage` makes it.
        shown: codes, in any order.
    """
    cuts = [own] if own is not None and own.total_minor else []
    codes: list[Shown] = []
    taken: list[Terms] = []
    for each in stacked(shown):
        if each.reason is None and taken and not (each.terms.combinable and all(terms.combinable for terms in taken)):
            each = replace(each, reason=VoucherNotCombinable.code)  # noqa: PLW2901 - the same code, refused
        codes.append(each)
        if each.reason is None:
            taken.append(each.terms)
            cuts.append(_cut(_rest(basket, cuts), each))
    return Priced(tuple(cuts), tuple(codes))


def percentage(basket: Purchase, source: str, name: str | None, percent_bp: int) -> Cut:
    """Return what a percentage takes off every line."""
    return Cut(source, name, tuple(line.amount_minor * percent_bp // _WHOLE_BP for line in basket.lines or ()))


def spread(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Return an amount in parts as the weights are, which add up to it; none is more than its weight when the amount is not more than all.

    Args:
        amount: at least 0; 0 when all weights are.
        weights: at least 0. What rounding leaves goes to those that lose most by it, of these to the first.
    """
    total = sum(weights)
    if not total:
        return tuple(0 for _ in weights)
    parts = [amount * weight // total for weight in weights]
    by_loss = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % total), place))
    for place in by_loss[: amount - sum(parts)]:
        parts[place] += 1
    return tuple(parts)


def exclusive_to(scheme: Scheme | None, line: Article) -> list[str]:
    """Return the tiers whose members alone may buy an article, the lowest first; none when everybody may."""
    return [tier.code for tier in scheme.tiers if _is_among(tier.benefits, line)] if scheme is not None else []


def _is_among(benefits: Any, line: Article) -> bool:
    return line.sku in benefits.get("exclusive_skus", ()) or line.category in benefits.get("exclusive_categories", ())


def _rest(basket: Purchase, cuts: Sequence[Cut]) -> Purchase:
    lines = [
        replace(line, amount_minor=line.amount_minor - sum(cut.by_line[place] for cut in cuts))
        for place, line in enumerate(basket.lines or ())
    ]
    shipping = basket.shipping_minor and basket.shipping_minor - sum(cut.shipping_minor for cut in cuts)
    return replace(basket, lines=lines, order_minor=sum(line.amount_minor for line in lines), shipping_minor=shipping)


def _cut(rest: Purchase, shown: Shown) -> Cut:
    off = discount(shown.terms, rest) or 0
    lines = rest.lines or ()
    if shown.terms.kind == "shipping":
        return Cut("voucher", shown.code, tuple(0 for _ in lines), off)
    if shown.terms.kind == "free_article":
        # One piece of the line on which a piece costs most, for that is what the voucher takes off.
        first = max(_covered(shown.terms, lines), key=lambda place: lines[place].amount_minor // lines[place].quantity)
        return Cut("voucher", shown.code, tuple(off if place == first else 0 for place in range(len(lines))))
    covered = set(_covered(shown.terms, lines))
    return Cut("voucher", shown.code, spread(off, [line.amount_minor if place in covered else 0 for place, line in enumerate(lines)]))


def _covered(terms: Terms, lines: Sequence[Article]) -> list[int]:
    return [place for place, line in enumerate(lines) if covers(terms, line)]
