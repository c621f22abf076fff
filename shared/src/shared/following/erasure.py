"""Obeying an erasure: everything that a service keeps of a customer goes, and a signed receipt says so."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from shared.contracts.base import Event
from shared.contracts.customers import CustomerErased
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.following.links import Lock, OnChange, forget_links
from shared.following.receipts import Receipt, receipt_key, sign_receipt
from shared.following.requests import answer_once
from shared.following.tombstones import bury, lock_tombstones
from shared.ids import new_id
from shared.messaging.handlers import HandlerTable

# Deletes or makes nameless all that is kept of these customers; returns how many rows of each kind of record. Their links are still
# there and are none of its business.
Erase = Callable[[UnitOfWork, list[str]], Awaitable[Mapping[str, int]]]


def erasure_handlers(erase: Erase, confirmed: type[Event], *, on_change: OnChange | None = None, lock: Lock | None = None) -> HandlerTable:
    """Return the handler of erasures; a service puts it before its others.

    Args:
        erase: deletes what the service keeps.
        confirmed: the service's event with the fields of `shared.contracts.privacy.ErasureConfirmed`.
        on_change: what the service does about others who belonged to an erased customer and do so no more; an undone merge that is
            heard of late is the only such case.
        lock: what the service locks before anything else.
    """

    async def on_customers_erased(uow: UnitOfWork, events: Sequence[Received[CustomerErased]]) -> None:
        """Erase, and answer with a receipt for each erasure."""
        if lock is not None:
            await lock(uow)
        await lock_tombstones(uow.connection)
        for event, envelope in events:
            # The request is answered once; what it asks for is done as often as it is heard, for a rebuild brings facts back.
            erased_at = await answer_once(uow.connection, event.erasure_id)
            erased = await _erase(uow, event, erase, on_change)
            if erased_at is not None:
                await _confirm(uow, event, envelope, confirmed, erased, erased_at)

    return {CustomerErased: on_customers_erased}


async def _erase(uow: UnitOfWork, event: CustomerErased, erase: Erase, on_change: OnChange | None) -> dict[str, int]:
    ids = sorted({event.customer_id, *event.customer_ids})
    await bury(uow.connection, ids, event.erasure_id)
    erased = dict(await erase(uow, ids))
    moved = [one for one in await forget_links(uow.connection, ids) if one.customer_id not in ids]
    if moved and on_change is not None:
        await on_change(uow, moved)
    return erased


async def _confirm(
    uow: UnitOfWork, event: CustomerErased, cause: Envelope, confirmed: type[Event], erased: dict[str, int], erased_at: datetime
) -> None:
    key = await receipt_key(uow.connection)
    service = confirmed.topic.rpartition(".")[2]
    receipt = sign_receipt(key, Receipt(event.erasure_id, event.customer_id, service, erased, erased_at))
    answer = confirmed.model_validate(
        {
            "receipt_id": new_id("rcp"),
            "erasure_id": event.erasure_id,
            "customer_id": event.customer_id,
            "erased": erased,
            "erased_at": erased_at,
            "receipt": receipt,
            "jwk": dict(key.jwk),
        }
    )
    uow.publish(answer, sequence=1, cause=cause)
