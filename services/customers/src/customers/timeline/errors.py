"""What can go wrong with a timeline.

Invalid     └── PeriodRefused
Unavailable └── TooManyStreams  this process follows as many customers as it may
"""

from shared.errors import Invalid, Unavailable


class PeriodRefused(Invalid):
    code = "period_refused"
    title = "A period starts before it ends and is at most 366 days long."


class TooManyStreams(Unavailable):
    code = "too_many_streams"
    title = "Too many timelines are followed live; read this one page by page."
