"""The vocabulary of the service's interface: fields that are more than a text or a number."""

import re
from functools import lru_cache
from typing import Annotated, Any

import phonenumbers
import pycountry
from email_validator import EmailNotValidError, validate_email
from fastapi import Path
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from shared.ids import id_pattern

COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)
CURRENCIES = frozenset(currency.alpha_3 for currency in pycountry.currencies)
# language[-Script][-REGION], in any case; the subset of RFC 5646 that names a language people read.
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE)
_MAX_EMAIL = 254
# Local parts that every reading of RFC 5321 allows, in addresses far below its limits.
_PLAIN_LOCAL = re.compile(r"[a-zA-Z0-9_+-]{1,40}(?:\.[a-zA-Z0-9_+-]{1,20})?")
_MAX_PLAIN_EMAIL = 200


def check_email(address: str) -> str:
    """Return an address in its normal form: its domain in lower case.

    Raises:
        PydanticCustomError: this is no e-mail address.
    """
    local, _, domain = address.rpartition("@")
    try:
        # Many customers share a few domains, and most names need no thorough look.
        if _PLAIN_LOCAL.fullmatch(local) and len(address) <= _MAX_PLAIN_EMAIL:
            return f"{local}@{_normal_domain(domain)}"
        return validate_email(address, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise PydanticCustomError("email_invalid", "This is no e-mail address.") from None


@lru_cache(maxsize=4_096)
def _normal_domain(domain: str) -> str:
    return validate_email(f"x@{domain}", check_deliverability=False, test_environment=True).domain


def _check_phone(number: str) -> str:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not number.startswith("+") or not phonenumbers.is_possible_number(parsed) or parsed.extension:
        raise PydanticCustomError("phone_invalid", "This is no phone number in international form, such as +37126123456.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _check_country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("country_unknown", "This is no ISO 3166-1 alpha-2 code.")
    return code


def _check_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise PydanticCustomError("currency_unknown", "This is no ISO 4217 code.")
    return code


def _check_language(tag: str) -> str:
    matched = _LANGUAGE.fullmatch(tag)
    if matched is None:
        raise PydanticCustomError("language_invalid", "This is no language tag, such as lv or zh-Hant-TW.")
    language, script, region = matched.groups()
    return "-".join(filter(None, (language.lower(), script and script.title(), region and region.upper())))


def _codes(name: str, codes: frozenset[str], description: str, example: str) -> dict[str, Any]:
    return {"type": "string", "enum": sorted(codes), "title": name, "description": description, "examples": [example]}


Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=_MAX_EMAIL),
    AfterValidator(check_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": _MAX_EMAIL, "examples": ["ilze@example.com"]}),
]
Phone = Annotated[str, StringConstraints(min_length=3, max_length=40), AfterValidator(_check_phone), Field(examples=["+37126123456"])]
Language = Annotated[
    str,
    StringConstraints(min_length=2, max_length=15),
    AfterValidator(_check_language),
    WithJsonSchema(
        {"type": "string", "pattern": "^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$", "examples": ["lv"], "maxLength": 15}
    ),
]
Country = TypeAliasType(
    "Country",
    Annotated[
        str, AfterValidator(_check_country), WithJsonSchema(_codes("Country", COUNTRIES, "Country by its ISO 3166-1 alpha-2 code.", "LV"))
    ],
)
CurrencyCode = TypeAliasType(
    "CurrencyCode",
    Annotated[
        str, AfterValidator(_check_currency), WithJsonSchema(_codes("CurrencyCode", CURRENCIES, "Currency by its ISO 4217 code.", "EUR"))
    ],
)


def _id_in_path(prefix: str, what: str) -> Any:
    # Wider than the ids that we make: an unknown id is not found, whatever it looks like.
    return Path(pattern="^[A-Za-z0-9_-]{1,64}$", description=what, examples=[f"{prefix}_01jd3z0k7cz9v8w6t5s4r3q2p1"])


CustomerIdInPath = Annotated[str, _id_in_path("cus", "The customer.")]
OrderIdInPath = Annotated[str, _id_in_path("ord", "The order.")]
KeyIdInPath = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The key's public part.", examples=["0123456789abcdef"])]
CustomerIdInBody = Annotated[
    str, Field(pattern=id_pattern("cus"), description="The customer.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]
