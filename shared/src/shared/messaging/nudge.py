"""How the relay learns that events wait for it: within the process, across processes, and by looking now and then."""

import asyncio
import contextlib

import asyncpg
import structlog

from shared.database.pool import code_of

_log = structlog.get_logger(__name__)

# Commits that follow each other more closely are announced together.
COALESCE_SECONDS = 0.004
_RECONNECT_SECONDS = 1.0
_TIMEOUT_SECONDS = 5

# Channels belong to the whole database, so the schema is part of the name.
CHANNEL = "SELECT 'outbox_' || current_schema()"
_NOTIFY = "SELECT pg_notify('outbox_' || current_schema(), '')"


class Nudge:
    """Wakes the relay of the same process; a unit of work calls `ring` after its commit."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Say that events may be waiting; costs nothing and never fails."""
        self._event.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Return True at the next ring, at once if one came since the last wait, or False when the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        rung = self._event.is_set()
        self._event.clear()
        return rung


class Notifier:
    """Wakes the relays of other processes by a NOTIFY on a connection of its own.

    A NOTIFY inside each transaction would make all commits of the database queue behind one lock. When it fails the relay's
    own look at the outbox finds the events a little later.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._nudge = Nudge()

    def ring(self) -> None:
        """Say that events may be waiting; costs nothing and never fails."""
        self._nudge.ring()

    async def run(self, stop: asyncio.Event) -> None:
        """Pass the rings on until told to stop."""
        while not stop.is_set():
            try:
                await self._pass_on(stop)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                _log.warning("cannot notify the relay", error=code_of(error))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _RECONNECT_SECONDS)

    async def _pass_on(self, stop: asyncio.Event) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=_TIMEOUT_SECONDS, command_timeout=_TIMEOUT_SECONDS)
        try:
            while not stop.is_set():
                if await self._nudge.wait(timeout_seconds=0.5):
                    await connection.execute(_NOTIFY)
                    await asyncio.sleep(COALESCE_SECONDS)
        finally:
            with contextlib.suppress(Exception):
                await connection.close(timeout=1)
