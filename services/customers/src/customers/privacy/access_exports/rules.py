"""How far an access export has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["incomplete", "complete", "expired"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How much a service has sent.

    Attributes:
        service: which one.
        pieces: that came.
        of: that it sends; None until the first came.
    """

    service: str
    pieces: int
    of: int | None

    @property
    def is_complete(self) -> bool:
        """Whether all pieces came."""
        return self.of is not None and self.pieces >= self.of


def progress(services: Sequence[str], arrived: Mapping[str, tuple[int, int]]) -> list[Progress]:
    """Return the progress of each service.

    Args:
        services: whose answers are needed.
        arrived: pieces that came and pieces that are sent, by service.
    """
    return [Progress(service, *arrived.get(service, (0, None))) for service in services]


def status(parts: Sequence[Progress], *, expired: bool) -> Status:
    """Return where an access export stands."""
    if expired:
        return "expired"
    return "complete" if all(part.is_complete for part in parts) else "incomplete"
