"""What can go wrong in the ledger.

PermanentError           a matter of events: trying again cannot help
├── UnusableEvent        a value that no order or return can have
└── ContradictingEvent   one order or one return, told in two ways

Conflict
└── InsufficientPoints   there are fewer points to spend than are wanted

NotFound
├── EntryNotFound        there is no such entry
└── WalletNotFound       the programme has no such wallet
"""

from shared.errors import Conflict, NotFound
from shared.messaging.handlers import PermanentError


class UnusableEvent(PermanentError):
    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is unusable")


class ContradictingEvent(PermanentError):
    def __init__(self) -> None:
        super().__init__("one order or return is told in two ways")


class InsufficientPoints(Conflict):
    """Its extra `spendable` tells how many there are."""

    code = "insufficient_points"
    title = "There are not enough points."


class EntryNotFound(NotFound):
    code = "entry_not_found"
    title = "There is no such entry."


class WalletNotFound(NotFound):
    code = "wallet_not_found"
    title = "The programme has no such wallet."
