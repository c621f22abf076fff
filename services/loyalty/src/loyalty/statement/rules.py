"""What a statement says: what there was, what came and went, what there is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from loyalty.statement.errors import StatementBackwards, StatementTooLong

# Long enough for a year of a busy member, short enough to be read and printed.
MAX_LINES = 5_000
MAX_DAYS = 366
_DEFAULT_DAYS = 30


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A movement of a wallet; `points` is below zero when they went."""

    entry_id: str | None
    kind: str
    points: int
    occurred_at: datetime
    order_id: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A wallet over a time: `opening` and the lines add up to `closing`.

    Attributes:
        customer_id: whose it is, together with those who are the same person.
        programme: its name.
        wallet: its code.
        zone: the programme's, in which a reader thinks of days.
        since: the first moment that belongs to it, in UTC.
        until: the first moment that belongs to it no more, in UTC.
        opening: points at the beginning; expired ones are not among them, pending and held ones are.
        lines: in the order of time.
    """

    customer_id: str
    programme: str
    wallet: str
    zone: str
    since: datetime
    until: datetime
    opening: int
    lines: Sequence[StatementLine]

    @property
    def closing(self) -> int:
        """Points at the end."""
        return self.opening + sum(line.points for line in self.lines)

    @property
    def balances(self) -> list[int]:
        """Points after each line."""
        return list(accumulate((line.points for line in self.lines), initial=self.opening))[1:]

    @property
    def totals(self) -> Mapping[str, int]:
        """Points by the kind of their lines."""
        sums: dict[str, int] = {}
        for line in self.lines:
            sums[line.kind] = sums.get(line.kind, 0) + line.points
        return sums


def period(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Return the time of a statement: until now and of thirty days unless something else is said; never of the future.

    Raises:
        StatementBackwards: it would end before it begins.
        StatementTooLong: it would cover more than 366 days.
    """
    end = min(until or now, now)
    begin = since or end - timedelta(days=_DEFAULT_DAYS)
    if begin >= end:
        raise StatementBackwards(pointer="/from", location="query")
    if end - begin > timedelta(days=MAX_DAYS):
        raise StatementTooLong(pointer="/from", location="query", max_days=MAX_DAYS)
    return begin, end
