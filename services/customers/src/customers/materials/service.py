"""What can be done with learning material."""

from datetime import UTC, datetime
from typing import Any

from asyncpg import Record

from customers.interactions.rules import check_occurred_at
from customers.links.repository import family
from customers.materials import repository
from customers.materials.errors import MaterialNotFound
from customers.profiles.errors import CustomerNotFound
from customers.stages import service as stages
from customers.stages.rules import Fact
from customers.timeline import service as timeline
from customers.timeline.service import Touch
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork

_BEFORE_ALL = (datetime(1970, 1, 1, tzinfo=UTC), "")


async def progress(uow: UnitOfWork, customer_id: str, material_id: str, status: str, at: datetime, now: datetime) -> Record:
    """Write down how far a customer has come: a touch on his timeline, and maybe a step on his journey.

    Raises:
        MaterialNotFound: there is no such material.
        CustomerNotFound: there is no such customer.
        OccurredAtRefused: it lies in the future.
    """
    check_occurred_at(at, now)
    material = await found(uow.connection, material_id)
    row = await repository.tell(uow.connection, customer_id, material_id, at, completed=status == "completed")
    if row is None:
        raise CustomerNotFound
    first_at = row["completed_at"] if status == "completed" else row["opened_at"]
    stage = material["journey_stage"]
    touch = Touch(
        customer_id=customer_id,
        kind=f"material_{status}",
        source_id=f"{material_id}:{customer_id}",
        occurred_at=first_at,
        journey_stage=stage,
        summary={"material_id": material_id},
    )
    await timeline.record(uow.connection, [touch])
    await stages.advance(uow, [Fact(customer_id, "material_progressed", at, {"kind": status, "journey_stage": stage})])
    return row


async def found(connection: Connection, material_id: str) -> Record:
    """Return a material.

    Raises:
        MaterialNotFound: there is none.
    """
    material = await repository.get(connection, material_id)
    if material is None:
        raise MaterialNotFound
    return material


async def listed(connection: Connection, journey_stage: str | None, after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return materials, oldest first, after a sort key; those of a stage if asked."""
    return await repository.page(connection, journey_stage, after or _BEFORE_ALL, limit)


async def of_customer(connection: Connection, customer_id: str, after: tuple[Any, ...] | None, limit: int) -> list[Record]:
    """Return how far a customer has come with each material, after a sort key.

    Raises:
        CustomerNotFound: there is none.
    """
    return await repository.of_customer(connection, (await family(connection, customer_id)).ids, after or ("", ""), limit)


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Delete how far customers have come; return how many rows."""
    return {"material_progress": await repository.erase(connection, ids)}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return how far customers have come."""
    return {"material_progress": [dict(row) for row in await repository.collect(connection, ids)]}
