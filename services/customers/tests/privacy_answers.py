"""The other services as tests play them: what they would answer to an erasure and to a request for data."""

import json
from datetime import UTC, datetime
from typing import Any

from customers.privacy.followers import DATA_PROVIDED, ERASURE_CONFIRMED, service_of
from shared.contracts.base import Event
from shared.database.pool import Database
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Envelope, Received
from shared.following.receipts import Receipt, sign_receipt
from shared.following.sealing import seal_answer
from shared.http.tokens import SigningKey
from shared.ids import new_id, new_uuid

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CONFIRMED = {service_of(event): event for event in ERASURE_CONFIRMED}
PROVIDED = {service_of(event): event for event in DATA_PROVIDED}
KEYS = {service: SigningKey.generate() for service in CONFIRMED}


def received(event: Event) -> Received[Any]:
    return Received(event, Envelope(new_uuid(), type(event).type, "/regulars/test", event.aggregate_id, event.key, 1, AT))


def receipt_of(service: str, erasure: dict[str, Any], *, key: SigningKey | None = None, **other: Any) -> Event:
    """Return the receipt that a service sends for an erasure, or one that differs in some fields from what is signed."""
    key = key or KEYS[service]
    signed = {"erasure_id": erasure["id"], "customer_id": erasure["customer_id"], "service": service, "erased": {"members": 1}}
    signed |= {name: other.pop(f"signed_{name}") for name in list(signed) if f"signed_{name}" in other}
    fields = {
        "receipt_id": new_id("rcp"),
        "erasure_id": erasure["id"],
        "customer_id": erasure["customer_id"],
        "erased": {"members": 1},
        "erased_at": AT,
        "receipt": sign_receipt(key, Receipt(**signed, erased_at=AT)),
        "jwk": dict(key.jwk),
    }
    return CONFIRMED[service].model_validate(fields | other)


def data_of(service: str, request: Any, collected: dict[str, Any]) -> list[Event]:
    """Return the pieces that a service sends for a request for data."""
    pieces = seal_answer(collected, public_key=request.public_key, export_id=request.export_id, service=service)
    return [
        PROVIDED[service].model_validate(
            {
                "part_id": new_id("axd"),
                "export_id": request.export_id,
                "customer_id": request.customer_id,
                "number": piece.number,
                "of": piece.of,
                "sealed": piece.sealed,
                "sha256": piece.sha256,
                "provided_at": AT,
            }
        )
        for piece in pieces
    ]


async def hear(database: Database, handler: Any, *events: Event) -> None:
    """Apply events as the consumer would, in one transaction."""
    async with UnitOfWork(database) as uow:
        await handler(uow, [received(event) for event in events])
        await uow.commit()


def payload(event: Event) -> dict[str, Any]:
    """Return an event as JSON."""
    return json.loads(event.model_dump_json())
