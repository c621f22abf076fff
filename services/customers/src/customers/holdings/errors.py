"""What can go wrong with a holding.

NotFound ├── HoldingNotFound
Conflict ├── HoldingDiffers       the external id was used for a holding with other content
         ├── HoldingClosed        it is closed and changes no more
         └── RatingDiffers        the source rated the customer otherwise at that moment
Invalid  ├── HoldingDatesRefused  it would mature before it was opened, or lie in the future
         ├── BalanceAtRefused
         └── PeriodRefused
"""

from customers.orders.errors import CustomerUnknown
from shared.errors import Conflict, Invalid, NotFound

__all__ = [
    "BalanceAtRefused",
    "CustomerUnknown",
    "HoldingClosed",
    "HoldingDatesRefused",
    "HoldingDiffers",
    "HoldingNotFound",
    "PeriodRefused",
    "RatingDiffers",
]


class HoldingNotFound(NotFound):
    code = "holding_not_found"
    title = "There is no such holding."


class HoldingDiffers(Conflict):
    code = "holding_differs"
    title = "A holding with this external id and other content exists."


class HoldingClosed(Conflict):
    code = "holding_closed"
    title = "The holding is closed."


class RatingDiffers(Conflict):
    code = "rating_differs"
    title = "This source rated the customer otherwise at this moment."


class HoldingDatesRefused(Invalid):
    code = "holding_dates_refused"
    title = "A holding was opened in the past and matures after it was opened."


class BalanceAtRefused(Invalid):
    code = "balance_at_refused"
    title = "A balance was read after the holding was opened, and not in the future."


class PeriodRefused(Invalid):
    code = "holding_period_refused"
    title = "A period begins before it ends, not in the future, and has ten years at most."
