"""What can be done with interactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record

from customers.interactions import repository
from customers.interactions.errors import CustomerUnknown, InteractionDiffers, InteractionNotFound
from customers.interactions.repository import New, StoredInteraction
from customers.interactions.rules import check_kind, check_occurred_at
from customers.interactions.schemas import INTERACTION, InteractionDraft
from customers.privacy.erasures.errors import IdentityErased
from customers.privacy.erasures.suppression import erased_among
from customers.profiles import service as profiles
from shared.contracts.customers import InteractionRecorded
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.errors import DomainError, Unavailable
from shared.http.batches import ItemResult, created, existed, read_items, refused
from shared.ids import new_id

# The second round writes for customers who were made in the first, or finds that a twin was faster.
_MAX_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of an interaction.

    Attributes:
        id: of the one that was made or found.
        version: of what was written now; 0 where nothing changed.
    """

    id: str
    version: int


async def record_one(uow: UnitOfWork, draft: InteractionDraft, now: datetime) -> tuple[StoredInteraction, bool]:
    """Record an interaction; return it, and whether it is new.

    Raises:
        KindReserved: other parts of the service record this kind.
        OccurredAtRefused: it lies in the future.
        CustomerUnknown: no customer has the id.
        InteractionDiffers: its external id belongs to another customer's or another kind.
    """
    [outcome] = (await _record(uow, {0: _new(draft, now)})).values()
    if isinstance(outcome, DomainError):
        raise outcome
    return await found(uow.connection, outcome.id), outcome.version == 1


async def record_batch(uow: UnitOfWork, items: Sequence[Any], now: datetime) -> list[ItemResult]:
    """Record interactions; return what became of each item, in order. Of several with one external id the last is kept."""
    results: dict[int, ItemResult] = {}
    new: dict[int, New] = {}
    for place, item in enumerate(read_items(INTERACTION, items)):
        if isinstance(item, ItemResult):
            results[place] = item
            continue
        try:
            new[place] = _new(item, now)
        except DomainError as error:
            results[place] = refused(error)
    latest = {each.external_id or each.id: place for place, each in new.items()}
    outcomes = await _record(uow, {place: new[place] for place in latest.values()})
    for place, each in new.items():
        results[place] = _result(outcomes[latest[each.external_id or each.id]])
    return [results[place] for place in range(len(items))]


def _result(outcome: Recorded | DomainError) -> ItemResult:
    if isinstance(outcome, DomainError):
        return refused(outcome)
    return created(outcome.id) if outcome.version == 1 else existed(outcome.id)


def _new(draft: InteractionDraft, now: datetime) -> New:
    check_kind(draft.kind)
    occurred_at = draft.occurred_at or now
    check_occurred_at(occurred_at, now)
    return New(**(vars(draft) | {"id": new_id("itr"), "occurred_at": occurred_at}))


async def _record(uow: UnitOfWork, waiting: dict[int, New]) -> dict[int, Recorded | DomainError]:
    """Write interactions whose external ids differ; return what became of each by its key."""
    outcomes: dict[int, Recorded | DomainError] = {}
    for _ in range(_MAX_ROUNDS):
        waiting = {key: each for key, each in waiting.items() if key not in outcomes}
        if not waiting:
            return outcomes
        rows = await repository.record(uow.connection, list(waiting.values()))
        await _settle(uow, waiting, rows, outcomes)
    return outcomes | {key: Unavailable() for key in waiting if key not in outcomes}


async def _settle(uow: UnitOfWork, waiting: dict[int, New], rows: dict[str, Record], outcomes: dict[int, Recorded | DomainError]) -> None:
    """Tell what was written, explain what was not, and make the customers who are still missing."""
    unwritten = [each.external_id for each in waiting.values() if rows[each.id]["id"] is None and each.external_id is not None]
    present = await repository.present(uow.connection, unwritten) if unwritten else {}
    missing: set[str] = set()
    for key, each in waiting.items():
        row = rows[each.id]
        if row["id"] is not None:
            outcomes[key] = Recorded(row["id"], row["version"])
            _publish(uow, each, row)
        elif row["customer_id"] is None:
            if each.customer_external_id is None:
                outcomes[key] = CustomerUnknown(pointer="/customer_id")
            else:
                missing.add(each.customer_external_id)
        elif (known := present.get(each.external_id or "")) is not None:
            same = (known["customer_id"], known["kind"]) == (row["customer_id"], each.kind)
            outcomes[key] = Recorded(known["id"], 0) if same else InteractionDiffers(pointer="/external_id", id=known["id"])
    erased = await erased_among(uow.connection, missing)
    outcomes |= {key: IdentityErased() for key, each in waiting.items() if key not in outcomes and each.customer_external_id in erased}
    if missing - erased:
        await profiles.ensure(uow, missing - erased)


def _publish(uow: UnitOfWork, new: New, row: Record) -> None:
    event = InteractionRecorded(
        interaction_id=row["id"],
        customer_id=row["customer_id"],
        kind=new.kind,
        channel=new.channel,
        direction=new.direction,
        journey_stage=new.journey_stage,
        sentiment=new.sentiment,
        occurred_at=new.occurred_at,
    )
    uow.publish(event, sequence=row["version"])


async def found(connection: Connection, interaction_id: str) -> StoredInteraction:
    """Return an interaction.

    Raises:
        InteractionNotFound: there is none.
    """
    interaction = await repository.get(connection, interaction_id)
    if interaction is None:
        raise InteractionNotFound
    return interaction


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Delete the interactions of records; return how many rows of each kind of record."""
    return {"interactions": await repository.erase(connection, ids)}


async def collect(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the interactions of records."""
    return {"interactions": [dict(row) for row in await repository.collect(connection, ids)]}
