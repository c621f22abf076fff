"""What can go wrong in the ledger. All of it is a matter of events: trying again cannot help.

PermanentError
├── UnusableEvent        a value that no order or return can have
└── ContradictingEvent   one order or one return, told in two ways
"""

from shared.messaging.handlers import PermanentError


class UnusableEvent(PermanentError):
    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is unusable")


class ContradictingEvent(PermanentError):
    def __init__(self) -> None:
        super().__init__("one order or return is told in two ways")
