"""The shape of an event handler, and of the table in which a service lists all that it listens to."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from shared.contracts.base import Event
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.errors import PermanentError

__all__ = ["Handler", "HandlerTable", "PermanentError"]

# A handler takes the events of one type that came together, in order, inside one transaction. It knows no Kafka, no
# offset and no JSON. The consumer has removed duplicates and stale events; the handler's writes and the events that
# it publishes commit together with the inbox marks, or not at all.
Handler = Callable[[UnitOfWork, Sequence[Received[Any]]], Awaitable[None]]
HandlerTable = Mapping[type[Event], Handler]
