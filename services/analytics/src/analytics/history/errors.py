"""What can be wrong with an event.

PermanentError
└── MalformedFact   an event tells something that cannot be
"""

from shared.messaging.handlers import PermanentError


class MalformedFact(PermanentError):
    """An event tells something that cannot be; trying again cannot help. Names the field, never its value."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is out of range")
        self.field = field
