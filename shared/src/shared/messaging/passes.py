"""Work that comes due with the time: every worker looks for it now and then, and what was missed is done at the next look.

A pass claims what is due with SKIP LOCKED, so that any number of workers do it once, and says whether more is waiting. It is told
the time and works out from the data what is due, so that being late changes nothing but the moment.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import structlog

from shared.clock import Clock, SystemClock
from shared.database.pool import Database, code_of
from shared.database.unit_of_work import UnitOfWork
from shared.service import PassFunction

_log = structlog.get_logger(__name__)

PASS_SECONDS = 5.0


class Passes:
    """Runs a service's passes.

    Args:
        database: for a unit of work a step.
        passes: by name; each does a part of what is due and returns whether more is.
        after_commit: wakes the relay.
        clock: tells the passes the time; the machine's when None.
    """

    def __init__(
        self,
        database: Database,
        passes: Mapping[str, PassFunction],
        after_commit: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._passes = passes
        self._after_commit = after_commit
        self._clock = clock or SystemClock()

    async def run(self, stop: asyncio.Event) -> None:
        """Look for what is due until told to stop."""
        while not stop.is_set():
            await self.run_once(stop)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PASS_SECONDS)

    async def run_once(self, stop: asyncio.Event | None = None) -> None:
        """Do all that is due now; a pass that fails waits for the next look and hinders no other."""
        for name, run in self._passes.items():
            try:
                while await self._step(run) and not (stop and stop.is_set()):
                    pass
            except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
                _log.warning("a pass waits", name=name, error=code_of(error))

    async def _step(self, run: PassFunction) -> bool:
        async with UnitOfWork(self._database, after_commit=self._after_commit) as uow:
            more = await run(uow, self._clock.now())
            await uow.commit()
        return more
