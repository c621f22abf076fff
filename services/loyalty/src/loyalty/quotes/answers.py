"""How a quote is told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loyalty.quotes.rules import Priced, exclusive_to
from loyalty.quotes.schemas import Earning, Quote, QuotedCode, QuotedLine, QuotedPoints, QuotedTier, QuoteRequest, Reduction
from loyalty.tiers.rules import Stood
from loyalty.vouchers.rules import Purchase


def quote_of(
    wanted: QuoteRequest,
    programme_id: str,
    moment: datetime,
    stood: Stood,
    basket: Purchase,
    priced: Priced,
    vouchers: Mapping[str, Any],
    paid: QuotedPoints | None,
    earns: Mapping[str, int],
) -> Quote:
    """Return what is told of a basket."""
    lines = _lines(stood, basket, priced)
    amount, total = (sum(getattr(line, name) for line in lines) for name in ("amount_minor", "total_minor"))
    shipping = priced.shipping_left(basket)
    return Quote(
        customer_id=wanted.customer_id,
        programme_id=programme_id,
        currency=wanted.currency,
        as_of=moment,
        amount_minor=amount,
        discount_minor=amount - total,
        total_minor=total,
        shipping_minor=shipping,
        paid_with_points=paid,
        payable_minor=total + shipping - (paid.amount_minor if paid is not None else 0),
        tier=QuotedTier(code=stood.tier, benefits=dict(stood.benefits)) if stood.tier is not None else None,
        lines=lines,
        codes=_codes(priced, vouchers),
        earns=[Earning(programme_id=one, points=points) for one, points in earns.items()],
    )


def _lines(stood: Stood, basket: Purchase, priced: Priced) -> list[QuotedLine]:
    told = []
    for place, (line, left) in enumerate(zip(basket.lines or (), priced.left(basket), strict=True)):
        exclusive = exclusive_to(stood.scheme, line)
        told.append(
            QuotedLine(
                sku=line.sku,
                quantity=line.quantity,
                amount_minor=line.amount_minor,
                discount_minor=line.amount_minor - left,
                total_minor=left,
                discounts=[
                    Reduction.model_validate({"source": cut.source, "name": cut.name, "amount_minor": cut.by_line[place]})
                    for cut in priced.cuts
                    if cut.by_line[place]
                ],
                exclusive_to=exclusive,
                may_buy=not exclusive or stood.tier in exclusive,
            )
        )
    return told


def _codes(priced: Priced, vouchers: Mapping[str, Any]) -> list[QuotedCode]:
    off = {cut.name: cut.total_minor for cut in priced.cuts if cut.source == "voucher"}
    return [
        QuotedCode(
            code=each.code,
            accepted=each.reason is None,
            reason=each.reason,
            kind=vouchers[each.code]["kind"] if each.code in vouchers else None,
            campaign=vouchers[each.code]["campaign"] if each.code in vouchers else None,
            discount_minor=off.get(each.code, 0),
        )
        for each in priced.codes
    ]
