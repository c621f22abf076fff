"""Access exports: one archive of all that the services keep of a customer, sealed on its way and at rest."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from asyncpg import Record

from customers.audit.service import Entry
from customers.audit.service import record as audit
from customers.consents.preferences.words import language_of
from customers.links.repository import family
from customers.privacy.access_exports import repository
from customers.privacy.access_exports.archive import build
from customers.privacy.access_exports.errors import AccessExportExpired, AccessExportIncomplete, AccessExportNotFound
from customers.privacy.access_exports.rules import Progress, Status, progress, status
from customers.privacy.followers import OWN, SERVICES, service_of
from customers.privacy.holders import collect_everywhere
from shared.contracts.customers import CustomerDataRequested
from shared.contracts.privacy import DataProvided
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.following.sealing import Piece, SealBroken, new_key_pair, open_answer, open_sealed, piece_context, seal_answer
from shared.ids import new_id
from shared.messaging.handlers import PermanentError


class Export(NamedTuple):
    """An access export and how far it has come."""

    row: Record
    parts: list[Progress]
    status: Status


async def request(uow: UnitOfWork, customer_id: str, actor: str, *, days: int, now: datetime) -> Export:
    """Collect what this service keeps of a customer, and ask the others for theirs.

    Args:
        uow: the transaction.
        customer_id: any of his ids.
        actor: who asks.
        days: how long the archive is kept.
        now: UTC.

    Raises:
        CustomerNotFound: there is none.
    """
    connection = uow.connection
    await repository.shred_expired(connection, now)
    whole = await family(connection, customer_id)
    keys = new_key_pair()
    row = await repository.insert(
        connection,
        export_id=new_id("axp"),
        customer_id=whole.root_id,
        customer_ids=whole.ids,
        keys=keys,
        requested_by=actor,
        expires_at=now + timedelta(days=days),
    )
    await _keep_own_part(connection, row)
    event = CustomerDataRequested(
        export_id=row["id"], customer_id=whole.root_id, customer_ids=whole.ids, public_key=keys[1], requested_at=row["requested_at"]
    )
    uow.publish(event, sequence=1)
    await audit(connection, [Entry(actor, "access_export_requested", whole.root_id, row["id"])])
    return await found(connection, row["id"], now)


async def _keep_own_part(connection: Connection, row: Record) -> None:
    collected = await collect_everywhere(connection, row["customer_ids"])
    pieces = seal_answer(collected, public_key=row["public_key"], export_id=row["id"], service=OWN)
    await repository.keep(connection, row["id"], OWN, pieces, row["requested_at"])


async def found(connection: Connection, export_id: str, now: datetime) -> Export:
    """Return an access export.

    Raises:
        AccessExportNotFound: there is none.
    """
    row = await repository.get(connection, export_id)
    if row is None:
        raise AccessExportNotFound
    [export] = await _with_progress(connection, [row], now)
    return export


async def listed(connection: Connection, after: tuple[Any, ...] | None, limit: int, now: datetime) -> list[Export]:
    """Return access exports, newest first, after a sort key."""
    return await _with_progress(connection, await repository.page(connection, after, limit), now)


async def _with_progress(connection: Connection, rows: Sequence[Record], now: datetime) -> list[Export]:
    arrived = await repository.arrived(connection, [row["id"] for row in rows])
    exports = []
    for row in rows:
        parts = progress(SERVICES, arrived[row["id"]])
        expired = row["private_key"] is None or row["expires_at"] <= now
        exports.append(Export(row, parts, status(parts, expired=expired)))
    return exports


async def archive(connection: Connection, export_id: str, now: datetime) -> tuple[Export, bytes]:
    """Return the archive of an access export as a ZIP file; it is put together anew each time and never kept in the clear.

    Raises:
        AccessExportNotFound: there is none.
        AccessExportExpired: its time is over.
        AccessExportIncomplete: some services have not answered yet.
    """
    export = await found(connection, export_id, now)
    if export.status == "expired":
        raise AccessExportExpired
    if export.status == "incomplete":
        raise AccessExportIncomplete(missing=[part.service for part in export.parts if not part.is_complete])
    pieces = await repository.pieces(connection, export_id)
    language = language_of(await repository.language(connection, export.row["customer_id"]))
    return export, await asyncio.to_thread(_build, export.row, pieces, language)


def _build(row: Record, pieces: dict[str, list[Piece]], language: str) -> bytes:
    answers = {
        service: open_answer(parts, private_key=row["private_key"], export_id=row["id"], service=service)
        for service, parts in pieces.items()
    }
    return build(answers, customer_id=row["customer_id"], requested_at=row["requested_at"], language=language)


async def on_data_provided(uow: UnitOfWork, events: Sequence[Received[Any]]) -> None:
    """Keep the pieces that other services send; those for an export that is deleted are passed over.

    Raises:
        PermanentError: a piece was not sealed for its export and place.
    """
    for event, _ in events:
        await _keep_part(uow.connection, event, service_of(type(event)))


async def _keep_part(connection: Connection, event: DataProvided, service: str) -> None:
    private = await repository.open_key(connection, event.export_id)
    if private is None:
        return
    if not 1 <= event.number <= event.of:
        raise PermanentError("a piece has no place among the others")
    try:
        open_sealed(event.sealed, private_key=private, context=piece_context(event.export_id, service, event.number, event.of))
    except SealBroken as error:
        raise PermanentError("a piece was not sealed for its export and place") from error
    piece = Piece(event.number, event.of, event.sealed, event.sha256)
    await repository.keep(connection, event.export_id, service, [piece], event.provided_at)
