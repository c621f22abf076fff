"""What a voucher is worth, and when it is worth nothing. Pure: integers in, integers out."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

# Digits and capitals without I, L, O and U: nobody reads one for another, and few words come of it.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 12
_HUNDRED_PERCENT_BP = 10_000
# What people type for what the alphabet has.
_MISREAD = str.maketrans("ILO", "110")
_FIELD_OF_KIND = {"percent": "percent_bp", "amount": "amount_minor", "free_article": "sku"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a batch promises for its codes; amounts in minor units of `currency`, `percent_bp` in hundredths of a per cent.

    `skus`, `categories` and `excluded_skus` say what of an order it is for: all when they are empty. Of the `weekdays` 1 is Monday; with
    `daily_from` and `daily_until` it is taken at these hours only, as HH:MM, over midnight when it ends before it begins; by `zone`.
    """

    kind: str
    limit_per_code: int
    percent_bp: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    sku: str | None = None
    skus: Sequence[str] = ()
    categories: Sequence[str] = ()
    excluded_skus: Sequence[str] = ()
    max_discount_minor: int | None = None
    min_order_minor: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    weekdays: Sequence[int] = ()
    daily_from: str | None = None
    daily_until: str | None = None
    combinable: bool = True
    zone: str = "UTC"
    active: bool = True

    @property
    def is_for_some(self) -> bool:
        """Whether it is for some articles only."""
        return bool(self.sku or self.skus or self.categories or self.excluded_skus)


@dataclass(frozen=True, slots=True)
class Article:
    """A line of the order at the till."""

    sku: str
    quantity: int
    amount_minor: int
    category: str | None = None


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
    if terms.kind == "free_article" and (terms.skus or terms.categories or terms.excluded_skus):
        return "skus"
    hours = (terms.daily_from, terms.daily_until)
    if hours != (None, None) and (None in hours or terms.daily_from == terms.daily_until):
        return "daily_until"
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
    lines = purchase.lines or ()
    reasons = {
        "voucher_inactive": not terms.active,
        "voucher_not_yet_valid": terms.valid_from is not None and now < terms.valid_from,
        "voucher_not_at_this_time": not _is_its_time(terms, now),
        "voucher_expired": terms.valid_to is not None and now >= terms.valid_to,
        "voucher_of_another_customer": owner is not None and owner not in purchase.customer_ids,
        "voucher_used_up": used >= terms.limit_per_code,
        "voucher_currency_differs": None not in (terms.currency, purchase.currency) and terms.currency != purchase.currency,
        "voucher_minimum_not_reached": _is_below(purchase.order_minor, terms.min_order_minor),
        "voucher_article_missing": terms.is_for_some and not any(covers(terms, line) for line in lines) and purchase.lines is not None,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def covers(terms: Terms, line: Article) -> bool:
    """Return whether a voucher is for a line of an order."""
    if terms.sku is not None:
        return line.sku == terms.sku
    is_named = not (terms.skus or terms.categories) or line.sku in terms.skus or line.category in terms.categories
    return is_named and line.sku not in terms.excluded_skus


def discount(terms: Terms, purchase: Purchase) -> int | None:
    """Return what a voucher takes off, in minor units: never rounded up, never more than it is for; None when the till told too little."""
    if terms.kind == "shipping":
        off, limits = purchase.shipping_minor, [terms.max_discount_minor]
    elif terms.is_for_some and purchase.lines is None:
        return None
    else:
        base = _base(terms, purchase)
        off, limits = _full_discount(terms, purchase, base), [terms.max_discount_minor, base, purchase.order_minor]
    return None if off is None else min([off, *(limit for limit in limits if limit is not None)])


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


def _is_its_time(terms: Terms, now: datetime) -> bool:
    if not terms.weekdays and terms.daily_from is None:
        return True
    local = now.astimezone(ZoneInfo(terms.zone))
    if terms.weekdays and local.isoweekday() not in terms.weekdays:
        return False
    if terms.daily_from is None or terms.daily_until is None:
        return True
    hour = local.strftime("%H:%M")
    if terms.daily_from < terms.daily_until:
        return terms.daily_from <= hour < terms.daily_until
    return hour >= terms.daily_from or hour < terms.daily_until


def _base(terms: Terms, purchase: Purchase) -> int | None:
    """What it can take something off, in minor units."""
    if not terms.is_for_some:
        return purchase.order_minor
    return sum(line.amount_minor for line in purchase.lines or () if covers(terms, line))


def _full_discount(terms: Terms, purchase: Purchase, base: int | None) -> int | None:
    if terms.kind == "percent" and terms.percent_bp is not None:
        return None if base is None else base * terms.percent_bp // _HUNDRED_PERCENT_BP
    if terms.kind == "free_article" and terms.sku is not None:
        return _piece(terms.sku, purchase.lines or ())
    return terms.amount_minor


def _piece(sku: str, lines: Sequence[Article]) -> int | None:
    """What one piece of an article costs, the dearest where it is on several lines; None when it is on none."""
    return max((line.amount_minor // line.quantity for line in lines if line.sku == sku), default=None)
