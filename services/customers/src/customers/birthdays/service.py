"""Birthdays as events, so that others can congratulate without knowing when anybody was born."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from customers.birthdays import repository
from customers.birthdays.rules import due_days
from shared.contracts.customers import CustomerBirthday
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork

_PASS_LIMIT = 500


async def tell_birthdays(uow: UnitOfWork, now: datetime) -> bool:
    """Tell of birthdays of this day and the days before, each once; return whether more may be due. A pass of the workers.

    The day is that of UTC. Whoever was erased or restricted, and organisations, are left out.
    """
    told = await repository.tell_due(uow.connection, list(due_days(now.astimezone(UTC).date())), now, _PASS_LIMIT)
    for birthday_id, customer_id, _ in told:
        uow.publish(CustomerBirthday(birthday_id=birthday_id, customer_id=customer_id, told_at=now), sequence=1)
    return len(told) == _PASS_LIMIT


async def erase(connection: Connection, customer_ids: list[str]) -> Mapping[str, int]:
    """Delete what is kept of customers' birthdays."""
    return {"birthdays": await repository.erase(connection, customer_ids)}


async def collect(connection: Connection, customer_ids: list[str]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return what is kept of customers' birthdays."""
    return {"birthdays": await repository.collect(connection, customer_ids)}
