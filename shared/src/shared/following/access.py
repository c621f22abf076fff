"""Answering a customer who wants to see what is kept of him: sealed pieces that only his request can open."""

from collections.abc import Awaitable, Callable, Sequence

from shared.contracts.base import Event
from shared.contracts.customers import CustomerDataRequested
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.following.requests import answer_once
from shared.following.sealing import Collected, seal_answer
from shared.ids import new_id
from shared.messaging.handlers import HandlerTable

# Returns all that is kept of these customers, by kind of record, as JSON values; dates and times are allowed.
Collect = Callable[[Connection, list[str]], Awaitable[Collected]]


def access_request_handlers(collect: Collect, provided: type[Event]) -> HandlerTable:
    """Return the handler of requests for data.

    Args:
        collect: reads what the service keeps.
        provided: the service's event with the fields of `shared.contracts.privacy.DataProvided`.
    """

    async def on_data_requested(uow: UnitOfWork, events: Sequence[Received[CustomerDataRequested]]) -> None:
        """Answer each request once, in pieces."""
        for event, envelope in events:
            await _answer(uow, event, envelope, collect, provided)

    return {CustomerDataRequested: on_data_requested}


async def _answer(uow: UnitOfWork, event: CustomerDataRequested, cause: Envelope, collect: Collect, provided: type[Event]) -> None:
    provided_at = await answer_once(uow.connection, event.export_id)
    if provided_at is None:
        return
    collected = await collect(uow.connection, sorted({event.customer_id, *event.customer_ids}))
    service = provided.topic.rpartition(".")[2]
    for piece in seal_answer(collected, public_key=event.public_key, export_id=event.export_id, service=service):
        part = {
            "part_id": new_id("axd"),
            "export_id": event.export_id,
            "customer_id": event.customer_id,
            "number": piece.number,
            "of": piece.of,
            "sealed": piece.sealed,
            "sha256": piece.sha256,
            "provided_at": provided_at,
        }
        uow.publish(provided.model_validate(part), sequence=1, cause=cause)
