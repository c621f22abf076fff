"""Who the demo's customers are: nobody real, and the same people each time.

Everything follows from a customer's number. Addresses are in the domains that are reserved for examples (RFC 2606), phone numbers in the
ranges that the numbering plans keep for fiction: 555-0100 to 555-0199 in North America, 07700 900000 to 900999 in the United Kingdom.
The other numbering plans have no such range, so nobody there has a number.
"""

import hashlib
import unicodedata
from datetime import date, timedelta
from typing import Any

from local_runner.names import ENGLISH, NAMINGS, Naming

# Another seed makes other people; the external ids and the purchases stay.
SEED = b"regulars-demo-1"
_DOMAINS = ("example.com", "example.org")
# Of sixteen customers.
_SHARES = (ENGLISH,) * 7 + tuple(naming for naming in NAMINGS if naming is not ENGLISH for _ in range(3))
_FIRST_BIRTH, _BIRTH_DAYS = date(1930, 1, 1), 18_000
_AREAS = ("212", "213", "303", "305", "312", "404", "415", "503", "512", "602", "617", "702", "713", "718", "206", "215")
_CYRILLIC_LETTERS = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_LATIN_LETTERS = "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch - y - e yu ya"
_CYRILLIC = dict(zip(_CYRILLIC_LETTERS, _LATIN_LETTERS.split(" "), strict=True))


def person(number: str) -> dict[str, Any]:
    """Return the profile of a customer.

    Args:
        number: of the customer in the purchase log.
    """
    dice = _Dice(number)
    naming = dice.choice(_SHARES)
    is_woman = dice.roll(2) == 0
    given = dice.choice(naming.women if is_woman else naming.men)
    family = dice.choice(naming.families)[is_woman]
    city, country = dice.choice(naming.towns)
    profile = {
        "name": naming.pattern.format(given=given, family=family),
        "email": f"{_local_part(naming, given, family)}{number}@{dice.choice(_DOMAINS)}",
        "language": naming.language,
        "country": country,
        "city": city,
        "birth_date": (_FIRST_BIRTH + timedelta(days=dice.roll(_BIRTH_DAYS))).isoformat(),
        "sex": "female" if is_woman else "male",
    }
    phone = _phone(country, int(number))
    return profile | ({"phone": phone} if phone is not None else {})


class _Dice:
    """Numbers that follow from a customer's number and the seed."""

    def __init__(self, number: str) -> None:
        self._rest = int.from_bytes(hashlib.blake2b(number.encode(), key=SEED).digest(), "big")

    def roll(self, sides: int) -> int:
        """Return a number below `sides`."""
        self._rest, thrown = divmod(self._rest, sides)
        return thrown

    def choice(self, among: Any) -> Any:
        """Return one of several."""
        return among[self.roll(len(among))]


def _local_part(naming: Naming, given: str, family: str) -> str:
    if naming.language == "zh":
        return "kehu"
    name = f"{given}.{family}".lower()
    plain = "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))
    spelled = "".join(_CYRILLIC.get(letter, letter) for letter in (name if naming.language == "ru" else plain))
    return spelled.replace("-", "") + "."


def _phone(country: str, number: int) -> str | None:
    """Return a number that nobody has, and that no two customers share; None where there is none left."""
    if country == "US":
        area, line = divmod(number, 100)
        return f"+1{_AREAS[area]}55501{line:02}" if area < len(_AREAS) else None
    if country == "GB" and number < 1_000:
        return f"+447700900{number:03}"
    return None
