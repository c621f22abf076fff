"""Numbers of cards."""

import secrets

# "For assignment by national standards bodies": no payment card begins so. Source: ISO/IEC 7812-1.
_MAJOR_INDUSTRY = "9"
_RANDOM_DIGITS = 14


def new_number() -> str:
    """Return a number of 16 digits that nobody can guess: 14 random ones and a check digit."""
    body = _MAJOR_INDUSTRY + "".join(str(secrets.randbelow(10)) for _ in range(_RANDOM_DIGITS))
    return body + check_digit(body)


def check_digit(digits: str) -> str:
    """Return the digit that makes a number of cards whole, so that one wrong or two swapped digits are noticed.

    Source: Luhn's algorithm, ISO/IEC 7812-1 annex B.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)
