"""Many decisions at once, each with its own result."""

from collections.abc import Sequence
from typing import Any

from customers.duplicates import service
from customers.duplicates.repository import StoredPair
from customers.duplicates.schemas import REVIEW, DuplicateReview
from shared.database.unit_of_work import UnitOfWork
from shared.errors import DomainError
from shared.http.batches import ItemResult, existed, read_items, refused


async def review(uow: UnitOfWork, items: Sequence[Any], decided_by: str) -> list[ItemResult]:
    """Apply decisions in order; one that is refused leaves the others as they are."""
    return [item if isinstance(item, ItemResult) else await _reviewed(uow, item, decided_by) for item in read_items(REVIEW, items)]


async def _reviewed(uow: UnitOfWork, item: DuplicateReview, decided_by: str) -> ItemResult:
    try:
        async with uow.savepoint():
            return existed((await _decided(uow, item, decided_by)).id)
    except DomainError as error:
        return refused(error)


async def _decided(uow: UnitOfWork, item: DuplicateReview, decided_by: str) -> StoredPair:
    pair_id = item.id
    if pair_id is None:
        one, other = item.customer_ids or ("", "")
        pair_id = (await service.pair_of(uow.connection, one, other)).id
    if item.decision == "confirm":
        return await service.confirm(uow, pair_id, item.survivor_id, decided_by)
    return await service.reject(uow, pair_id, decided_by)
