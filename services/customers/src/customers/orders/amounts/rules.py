"""How the amounts of an order add up, in minor units of its currency."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from customers.orders.errors import AmountsDiffer

# A line as it is stored: sku, quantity, amount_minor, category, and where known unit_price_minor, discount_minor, tax_minor.
LineData = dict[str, Any]


class Given(NamedTuple):
    """What was sent beside the lines; None where nothing was said.

    Attributes:
        discount_minor: taken off the goods: the lines' discounts together, or off the whole order where no line has one.
        shipping_minor: what the way costs the customer.
        tax_minor: at least the lines' taxes together; the rest is the tax of the way.
        tax_included: whether amounts hold the tax.
        total_minor: what the customer pays.
    """

    discount_minor: int | None = None
    shipping_minor: int | None = None
    tax_minor: int | None = None
    tax_included: bool = True
    total_minor: int | None = None


class Amounts(NamedTuple):
    """The amounts of an order.

    Attributes:
        lines: with each its share of a discount off the whole order; their amounts add up to `amount_minor`.
        amount_minor: the goods after all discounts.
        discount_minor: the discounts of all lines.
        shipping_minor: what the way costs.
        tax_minor: held by the amounts or on top of them.
        tax_included: whether the amounts hold it.
        total_minor: what the customer pays: goods and way, and the tax where it is not included.
    """

    lines: list[LineData]
    amount_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    tax_included: bool
    total_minor: int


def amounts_of(lines: list[LineData], given: Given) -> Amounts:
    """Return the amounts of an order, checked and completed.

    Args:
        lines: as they are stored; may hold some of the optional amounts.
        given: what was sent beside them.

    Raises:
        AmountsDiffer: with the pointer of what does not add up.
    """
    for place, line in enumerate(lines):
        if len(line) > _PLAIN_FIELDS:
            _check_line(line, f"/lines/{place}")
    lines = _discounted(lines, given.discount_minor)
    goods = sum(line["amount_minor"] for line in lines)
    shipping = given.shipping_minor or 0
    tax = _tax_of(lines, given.tax_minor)
    if given.tax_included and tax > goods + shipping:
        raise AmountsDiffer("The included tax is more than the whole.", pointer="/tax_minor")
    total = goods + shipping + (0 if given.tax_included else tax)
    if given.total_minor is not None and given.total_minor != total:
        raise AmountsDiffer("The lines, the shipping and the tax make another total.", pointer="/total_minor", expected_minor=total)
    discount = sum(line.get("discount_minor", 0) for line in lines)
    return Amounts(lines, goods, discount, shipping, tax, given.tax_included, total)


# sku, quantity, amount_minor and category; a line with no more needs no check.
_PLAIN_FIELDS = 4


def _check_line(line: Mapping[str, Any], pointer: str) -> None:
    price = line.get("unit_price_minor")
    if price is not None:
        expected = price * line["quantity"] - line.get("discount_minor", 0)
        if expected != line["amount_minor"]:
            raise AmountsDiffer(
                "Price times pieces less the discount makes another amount.", pointer=f"{pointer}/amount_minor", expected_minor=expected
            )


def _discounted(lines: list[LineData], discount: int | None) -> list[LineData]:
    """Return the lines with their shares of a discount off the whole order."""
    if discount is None:
        return lines
    if any("discount_minor" in line for line in lines):
        told = sum(line.get("discount_minor", 0) for line in lines)
        if told != discount:
            raise AmountsDiffer("The lines' discounts make another sum.", pointer="/discount_minor", expected_minor=told)
        return lines
    amounts = [line["amount_minor"] for line in lines]
    if discount > sum(amounts):
        raise AmountsDiffer("The discount is more than the goods.", pointer="/discount_minor")
    shares = shared_out(discount, amounts)
    return [
        line | {"amount_minor": line["amount_minor"] - share, "discount_minor": share} if share else line
        for line, share in zip(lines, shares, strict=True)
    ]


def _tax_of(lines: Sequence[Mapping[str, Any]], given: int | None) -> int:
    told = sum(line.get("tax_minor", 0) for line in lines)
    if given is not None and given < told:
        raise AmountsDiffer("The lines' taxes are more than the tax of the order.", pointer="/tax_minor", expected_minor=told)
    return told if given is None else given


def shared_out(whole: int, weights: Sequence[int]) -> list[int]:
    """Return whole parts of an amount in proportion to weights: they add up to it, and none differs by 1 from its exact share.

    Args:
        whole: not negative, and not above the sum of the weights, so that no part exceeds its weight.
        weights: not negative.

    Source: the method of largest remainders (Hamilton).
    """
    total = sum(weights)
    if total == 0:
        return [0] * len(weights)
    parts = [whole * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(whole * weights[place] % total), place))
    for place in by_remainder[: whole - sum(parts)]:
        parts[place] += 1
    return parts
