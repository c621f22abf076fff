"""What can be wrong with a question for a metric.

Invalid
├── ZoneNotExact      the roll-ups are exact in UTC only
├── WindowEmpty       the window ends before it begins
├── WindowNotMonths   the window must begin and end with a month
└── WindowTooWide     the window has more months than an answer holds
"""

from shared.errors import Invalid


class ZoneNotExact(Invalid):
    code = "zone_not_exact"
    title = "Days and months are counted in UTC; in another zone this metric would not be exact."


class WindowEmpty(Invalid):
    code = "window_empty"
    title = "The window must end after it begins."


class WindowNotMonths(Invalid):
    code = "window_not_months"
    title = "This metric is counted by month: the window must begin and end with the first day of one."


class WindowTooWide(Invalid):
    code = "window_too_wide"
    title = "An answer holds 120 months at most."
