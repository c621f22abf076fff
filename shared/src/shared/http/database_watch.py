"""Notices within two seconds that Postgres has stopped answering, and frees the requests that wait for it.

A statement that waits cannot be told from one that works, so a connection of the watch's own asks for nothing every
moment. When even that is not answered, requests are refused at once, and the connections that they wait on are cut.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import asyncpg
import structlog

from shared.database.pool import Connection, PoolDatabase
from shared.errors import Unavailable

PROBE_PAUSE_SECONDS = 0.4
PROBE_TIMEOUT_SECONDS = 0.9
_PROBE_MOMENTS = 18

_log = structlog.get_logger("shared.http")


class WatchedDatabase:
    """A pool that lends nothing while Postgres does not answer."""

    def __init__(self, inner: PoolDatabase) -> None:
        self.inner = inner
        self.stalled = False
        self._lent: set[Connection] = set()
        self._asked: asyncpg.Connection | None = None

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection; see `Database.acquire`."""
        return _WatchedLease(self)

    async def watch(self) -> None:
        """Ask Postgres for ever whether it is there."""
        try:
            while True:
                if await self._answers():
                    self.stalled = False
                else:
                    self._cut_probe()
                    self._stall()
                await asyncio.sleep(PROBE_PAUSE_SECONDS)
        finally:
            self._cut_probe()

    async def _answers(self) -> bool:
        """Ask, and wait for many short moments instead of one long: a busy loop of our own makes each of them longer."""
        asking = asyncio.create_task(self._probe())
        # Looked at even when it ends after we have given it up.
        asking.add_done_callback(_look_at)
        try:
            for _ in range(_PROBE_MOMENTS):
                done, _ = await asyncio.wait((asking,), timeout=PROBE_TIMEOUT_SECONDS / _PROBE_MOMENTS)
                if done:
                    return asking.exception() is None
        finally:
            asking.cancel()
        return False

    async def _probe(self) -> None:
        asked = self._asked
        if asked is None or asked.is_closed():
            asked = self._asked = await asyncpg.connect(self.inner.dsn)
        await asked.execute("SELECT")

    def _cut_probe(self) -> None:
        if self._asked is not None:
            self._asked.terminate()
            self._asked = None

    def lend(self, connection: Connection) -> None:
        """Remember a connection that a request waits on."""
        self._lent.add(connection)

    def forget(self, connection: Connection) -> None:
        """Forget a connection that came back."""
        self._lent.discard(connection)

    def _stall(self) -> None:
        if not self.stalled:
            _log.warning("database_stalled", lent=len(self._lent))
        self.stalled = True
        # Whoever waits on them is told that the connection was lost, which becomes a 503.
        for connection in tuple(self._lent):
            connection.terminate()


class _WatchedLease:
    """Lends a connection between enter and exit."""

    __slots__ = ("_connection", "_database", "_lease")

    def __init__(self, database: WatchedDatabase) -> None:
        self._database = database
        self._lease = database.inner.acquire()

    async def __aenter__(self) -> Connection:
        if self._database.stalled:
            raise Unavailable
        self._connection = await self._lease.__aenter__()
        self._database.lend(self._connection)
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._database.forget(self._connection)
        await self._lease.__aexit__(kind, error, traceback)


def _look_at(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
