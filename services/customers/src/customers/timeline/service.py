"""What the other slices and the events of other services add to a customer's timeline, and what is read from it."""

from collections.abc import Sequence

from customers.timeline import repository
from customers.timeline.repository import Touch
from shared.database.pool import Connection

__all__ = ["Touch", "record"]


async def record(connection: Connection, touches: Sequence[Touch]) -> None:
    """Add touches to their customers' timelines, in the caller's transaction and in one round trip.

    A touch that was recorded under its kind and source before is replaced.
    """
    await repository.record(connection, touches)
