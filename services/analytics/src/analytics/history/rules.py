"""What a fact must be to enter the history: bounds that the contracts leave to each reader."""

from datetime import UTC, datetime

from shared.errors import MalformedEvent

# JSON numbers stay exact up to it, and a thousand such orders add up within 64 bits.
LARGEST_AMOUNT_MINOR = 2**53 - 1
LARGEST_POINTS = 2**53 - 1
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_BEST_SCORE = 10


def moment(value: datetime, field: str) -> datetime:
    """Return a moment that is aware and between 1900 and 2200.

    Raises:
        MalformedEvent: it is not.
    """
    if value.tzinfo is None or not _EARLIEST <= value < _LATEST:
        raise MalformedEvent(field)
    return value


def amount(value: int, field: str) -> int:
    """Return an amount of money in minor units that fits the columns; a discount larger than the goods makes it negative.

    Raises:
        MalformedEvent: it is not.
    """
    if abs(value) > LARGEST_AMOUNT_MINOR:
        raise MalformedEvent(field)
    return value


def points(value: int, field: str) -> int:
    """Return a number of points of at least one that fits the columns.

    Raises:
        MalformedEvent: it is not.
    """
    if not 1 <= value <= LARGEST_POINTS:
        raise MalformedEvent(field)
    return value


def score(value: int, field: str) -> int:
    """Return an answer to the recommendation question, 0 to 10.

    Raises:
        MalformedEvent: it is not.
    """
    if not 0 <= value <= _BEST_SCORE:
        raise MalformedEvent(field)
    return value


def text(value: str, field: str) -> str:
    """Return a text that Postgres can store: without NUL.

    Raises:
        MalformedEvent: it holds NUL.
    """
    if "\x00" in value:
        raise MalformedEvent(field)
    return value
