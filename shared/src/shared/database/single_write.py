"""A transaction of one statement: a row, its event and the stored answer in one round trip, without BEGIN and COMMIT.

For the hottest writes, whose row can be told before it is written: everything that the answer says must be known beforehand, so the
time is the database's at the beginning of the request. Everything else takes a `UnitOfWork`.
"""

# ruff: noqa: S608 - statements are put together from module constants only

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import IntegrityConstraintViolationError

from shared.contracts.base import Event
from shared.database.pool import Connection
from shared.ids import new_uuid
from shared.messaging.failpoints import failpoint
from shared.messaging.outbox import (
    AWAIT_LOGGED,
    EVENT_PARAMETERS,
    EVENT_VALUES,
    LOG_EVENT,
    LOGGED_EVENT,
    Alongside,
    PendingEvent,
    event_values,
)


class Row(NamedTuple):
    """What is written.

    Attributes:
        statement: a module-level function that returns common table expressions whose parameters begin with the given number. The
            one called `made` returns one row where the row was written, and none where a constraint kept it out.
        arguments: its values.
        refusal: returns what to raise when it was kept out: with the violation of another constraint, or with None.
    """

    statement: Callable[[int], str]
    arguments: Sequence[Any]
    refusal: Callable[[IntegrityConstraintViolationError | None], Exception]


class SingleWrite:
    """One row and one event, written at the commit by one statement that is the whole transaction.

    Attributes:
        connection: outside of any transaction; for reading.
        at: the database's clock when the request began.
    """

    def __init__(self, connection: Connection, at: datetime, trace: str | None, after_commit: Callable[[], None] | None) -> None:
        self.connection = connection
        self.at = at
        self._trace = trace
        self._after_commit = after_commit
        self._written: tuple[Row, PendingEvent] | None = None

    def write(self, row: Row, event: Event, *, sequence: int) -> UUID:
        """Say what is written at the commit; return the event's id.

        Raises:
            ValueError: something is written already.
        """
        if self._written is not None:
            raise ValueError("a single write writes one row; take a unit of work for more")
        event_id = new_uuid()
        self._written = (row, PendingEvent(event_id, event, sequence, self._trace))
        return event_id

    async def commit(self, alongside: Alongside | None = None) -> None:
        """Write the row, its event and a row beside them, all or nothing.

        Raises:
            Exception: what the row's `refusal` returns, when a constraint kept it out.
        """
        if self._written is None:
            raise ValueError("a single write was asked for, and nothing is written")
        row, pending = self._written
        beside, beside_values = (None, ()) if alongside is None else (alongside.with_row, alongside.arguments)
        statement = _statement(row.statement, beside, len(beside_values))
        failpoint("unit_of_work.before_events")
        failpoint("unit_of_work.before_commit")
        try:
            made = await self._execute(statement, (*event_values(pending), *beside_values, *row.arguments))
        except IntegrityConstraintViolationError as error:
            raise row.refusal(error) from error
        if not made:
            raise row.refusal(None)
        failpoint("unit_of_work.after_commit")
        if self._after_commit is not None:
            self._after_commit()

    async def _execute(self, statement: str, arguments: Sequence[Any]) -> int | None:
        if not self.connection.is_in_transaction():
            return await self.connection.fetchval(statement, *arguments)
        # Somebody's transaction around ours must outlive what is refused.
        async with self.connection.transaction():
            return await self.connection.fetchval(statement, *arguments)


@lru_cache(maxsize=256)
def _statement(row: Callable[[int], str], beside: str | None, besides: int) -> str:
    answered = "" if beside is None else f", answered AS ({beside})"
    return f"""
    WITH {row(EVENT_PARAMETERS + besides + 1)}, logged AS (
        {LOG_EVENT} SELECT {EVENT_VALUES} FROM made {LOGGED_EVENT}
    ), awaited AS ({AWAIT_LOGGED}){answered}
    SELECT count(*) FROM made
    """
