"""What a voucher is worth, and when it is worth nothing. Pure: integers in, integers out."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

# Digits and capitals without I, L, O and U: nobody reads one for another, and few words come of it.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 12
_HUNDRED_PERCENT_BP = 10_000
# What people type for what the alphabet has.
_MISREAD = str.maketrans("ILO", "110")
_FIELD_OF_KIND = {"percent": "percent_bp", "amount": "amount_minor", "free_article": "sku"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a batch promises for its codes; amounts in minor units of `currency`, `percent_bp` in hundredths of a per cent."""

    kind: str
    limit_per_code: int
    percent_bp: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    sku: str | None = None
    max_discount_minor: int | None = None
    min_order_minor: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Article:
    """A line of the order at the till."""

    sku: str
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a voucher is shown for; what the till does not tell is None."""

    customer_ids: frozenset[str]
    order_minor: int | None = None
    shipping_minor: int | None = None
    currency: str | None = None
    lines: Sequence[Article] | None = None


def offending_field(terms: Terms) -> str | None:
    """Return the field that does not belong to the kind of voucher, or that it lacks; None when all is well."""
    for kind, field in _FIELD_OF_KIND.items():
        if (terms.kind == kind) != (getattr(terms, field) is not None):
            return field
    has_amounts = any(each is not None for each in (terms.amount_minor, terms.max_discount_minor, terms.min_order_minor))
    if has_amounts and terms.currency is None:
        return "currency"
    if terms.valid_from is not None and terms.valid_to is not None and terms.valid_from >= terms.valid_to:
        return "valid_to"
    return None


def refusal(terms: Terms, owner: str | None, used: int, purchase: Purchase, now: datetime) -> str | None:
    """Return the code of the reason why a voucher is worth nothing, or None.

    Args:
        terms: of its batch.
        owner: customer who alone may use it.
        used: how often it was used.
        purchase: what it is shown for.
        now: when; the first instant of `valid_from` is in, that of `valid_to` is out.
    """
    reasons = {
        "voucher_inactive": not terms.active,
        "voucher_not_yet_valid": terms.valid_from is not None and now < terms.valid_from,
        "voucher_expired": terms.valid_to is not None and now >= terms.valid_to,
        "voucher_of_another_customer": owner is not None and owner not in purchase.customer_ids,
        "voucher_used_up": used >= terms.limit_per_code,
        "voucher_currency_differs": None not in (terms.currency, purchase.currency) and terms.currency != purchase.currency,
        "voucher_minimum_not_reached": _is_below(purchase.order_minor, terms.min_order_minor),
        "voucher_article_missing": purchase.lines is not None and terms.sku is not None and _piece(terms.sku, purchase.lines) is None,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def discount(terms: Terms, purchase: Purchase) -> int | None:
    """Return what a voucher takes off, in minor units: never rounded up, never more than the order; None when the till told too little."""
    off = _full_discount(terms, purchase)
    limits = [limit for limit in (terms.max_discount_minor, _most(terms, purchase)) if limit is not None]
    return None if off is None else min([off, *limits])


def normalised(code: str) -> str:
    """Return a code as it is stored: capitals without what people put between them, misread letters set right."""
    return "".join(letter for letter in code.upper().translate(_MISREAD) if letter.isascii() and letter.isalnum())


def new_codes(count: int, prefix: str) -> set[str]:
    """Return different random codes: 60 bits each, so that nobody guesses one."""
    codes: set[str] = set()
    while len(codes) < count:
        codes.add(prefix + "".join(ALPHABET[byte & 31] for byte in secrets.token_bytes(CODE_LENGTH)))
    return codes


def _is_below(amount: int | None, least: int | None) -> bool:
    return amount is not None and least is not None and amount < least


def _full_discount(terms: Terms, purchase: Purchase) -> int | None:
    if terms.kind == "percent" and terms.percent_bp is not None:
        return None if purchase.order_minor is None else purchase.order_minor * terms.percent_bp // _HUNDRED_PERCENT_BP
    if terms.kind == "free_article" and terms.sku is not None:
        return None if purchase.lines is None else _piece(terms.sku, purchase.lines)
    return terms.amount_minor if terms.kind == "amount" else purchase.shipping_minor


def _most(terms: Terms, purchase: Purchase) -> int | None:
    """What it cannot take off more than; the goods say nothing of what the shipping costs."""
    return None if terms.kind == "shipping" else purchase.order_minor


def _piece(sku: str, lines: Sequence[Article]) -> int | None:
    """What one piece of an article costs, the dearest where it is on several lines; None when it is on none."""
    return max((line.amount_minor // line.quantity for line in lines if line.sku == sku), default=None)
