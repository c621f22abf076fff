"""Limits on how often and how much, as data."""

from collections.abc import Mapping
from typing import Any

from asyncpg import Record

from loyalty.abuse import repository
from loyalty.abuse.errors import VelocityLimitInvalid, VelocityLimitNotFound
from loyalty.abuse.rules import offending_field
from loyalty.abuse.schemas import VelocityLimitDraft
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.etags import check_version


async def add(uow: UnitOfWork, draft: VelocityLimitDraft) -> Record:
    """Set a limit; it counts what is done from now on.

    Raises:
        VelocityLimitInvalid: its fields do not go together.
    """
    _check(draft.action, draft.subject, draft.measure, draft.window_seconds, draft.on_exceed)
    values = (draft.name, draft.action, draft.subject, draft.measure, draft.window_seconds, draft.maximum, draft.on_exceed)
    return await repository.add_limit(uow.connection, values)


async def found(connection: Connection, limit_id: str) -> Record:
    """Return a limit.

    Raises:
        VelocityLimitNotFound: there is none.
    """
    row = await repository.limit(connection, limit_id)
    if row is None:
        raise VelocityLimitNotFound
    return row


async def change(uow: UnitOfWork, limit_id: str, changes: Mapping[str, Any], match: int) -> Record:
    """Change a limit.

    Raises:
        VelocityLimitNotFound: there is none.
        PreconditionFailed: it was changed since.
        VelocityLimitInvalid: its fields would not go together.
    """
    row = await repository.limit(uow.connection, limit_id, lock=True)
    if row is None:
        raise VelocityLimitNotFound
    check_version(match, row["version"])
    kept = {**dict(row), **{name: value for name, value in changes.items() if value is not None or name == "window_seconds"}}
    _check(kept["action"], kept["subject"], kept["measure"], kept["window_seconds"], kept["on_exceed"])
    values = [kept[name] for name in ("name", "maximum", "window_seconds", "on_exceed", "is_active")]
    return await repository.change_limit(uow.connection, limit_id, values)


def _check(action: str, subject: str, measure: str, window_seconds: int | None, on_exceed: str) -> None:
    field = offending_field(action, subject, measure, window_seconds, on_exceed)
    if field is not None:
        raise VelocityLimitInvalid(pointer=f"/{field}")
