"""Which days of birth are kept on which days. Pure."""

from calendar import isleap
from collections.abc import Iterator
from datetime import date, timedelta

# A pass that did not run for a while makes up for it; later nobody wants to be congratulated.
DAYS_LATE = 6
_LEAP_DAY = 229


def due_days(today: date) -> Iterator[tuple[date, int]]:
    """Yield the days whose birthdays are due, each with a day of birth that is kept on it, as month * 100 + day.

    Who was born on 29 February is congratulated on the 28th in other years.

    Args:
        today: the day, in UTC; the days just before it are due too.
    """
    for late in range(DAYS_LATE + 1):
        day = today - timedelta(days=late)
        yield day, day.month * 100 + day.day
        if (day.month, day.day) == (2, 28) and not isleap(day.year):
            yield day, _LEAP_DAY
