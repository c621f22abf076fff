"""Connections to Postgres: an asyncpg pool with the settings that every service shares."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, Self

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from shared.errors import Unavailable

Connection = asyncpg.Connection | PoolConnectionProxy

# A caller that waits longer for a free connection is better served by an honest 503.
ACQUIRE_TIMEOUT_SECONDS = 1.0
# No statement of a request may take longer; long work (rebuilds, exports) sets its own.
COMMAND_TIMEOUT_SECONDS = 10.0
# Enough for every statement of a service, so that each is parsed by Postgres once a connection.
STATEMENT_CACHE_SIZE = 512


class _PlainConnection(asyncpg.Connection):
    """Saves the reset round trip at each release: nothing here changes session state outside a transaction."""

    def get_reset_query(self) -> str:
        return ""


class Database(Protocol):
    """Where a unit of work or a reader gets its connection from."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        """Return a context manager that lends a connection.

        Raises:
            Unavailable: no connection within `ACQUIRE_TIMEOUT_SECONDS`, or Postgres is away.
        """
        ...


class PoolDatabase:
    """A `Database` over an asyncpg pool.

    A connection that was used without an error is parked here instead of going through the pool's own hand-over, which
    costs a task and two timers each way.
    """

    def __init__(self, pool: asyncpg.Pool, dsn: str) -> None:
        self.pool = pool
        self.dsn = dsn
        self._parked: list[PoolConnectionProxy] = []
        self._waiting = 0

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        min_size: int = 1,
        max_size: int = 10,
        application_name: str = "regulars",
        command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
    ) -> Self:
        """Open a pool.

        Args:
            dsn: `postgresql://role:password@host:port/database`.
            min_size: connections that are kept open.
            max_size: connections at most.
            application_name: shown in `pg_stat_activity`.
            command_timeout_seconds: limit of one statement.
        """
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            connection_class=_PlainConnection,
            command_timeout=command_timeout_seconds,
            statement_cache_size=STATEMENT_CACHE_SIZE,
            init=prepare_connection,
            server_settings={"application_name": application_name, "timezone": "UTC"},
        )
        return cls(pool, dsn)

    def acquire(self) -> "_Lease":
        """Lend a connection; see `Database.acquire`."""
        return _Lease(self)

    @property
    def in_use(self) -> int:
        """Connections that are lent at the moment."""
        return self.pool.get_size() - self.pool.get_idle_size() - len(self._parked)

    async def take(self) -> PoolConnectionProxy:
        """Take a connection; `acquire` is the way to do it."""
        while self._parked:
            connection = self._parked.pop()
            if _is_usable(connection):
                return connection
            await self.pool.release(connection)
        self._waiting += 1
        try:
            return await self.pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
        except (TimeoutError, OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
            raise Unavailable(code_of(error)) from error
        finally:
            self._waiting -= 1

    async def give_back(self, connection: PoolConnectionProxy, *, clean: bool) -> None:
        """Give a connection back; `acquire` does it.

        Args:
            connection: from `take`.
            clean: whether its user ended without an error.
        """
        # Someone who waits in the pool would not see a parked connection.
        if clean and self._waiting == 0 and _is_usable(connection) and not connection.is_in_transaction():
            self._parked.append(connection)
            return
        # Shielded: a cancelled request must still give its connection back.
        await asyncio.shield(self.pool.release(connection))

    async def close(self) -> None:
        """Close all connections, those in use after at most five seconds."""
        try:
            async with asyncio.timeout(5):
                while self._parked:
                    await self.pool.release(self._parked.pop())
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()


class _Lease:
    """Lends a connection between enter and exit."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: PoolDatabase) -> None:
        self._database = database

    async def __aenter__(self) -> Connection:
        self._connection = await self._database.take()
        return self._connection

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        await self._database.give_back(self._connection, clean=kind is None)


def _is_usable(connection: PoolConnectionProxy) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool takes a connection that broke away from whoever holds it.
        return False


async def prepare_connection(connection: Connection) -> None:
    """Teach a new connection our JSON: Python objects in, Python objects out."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary")


def code_of(error: BaseException) -> str:
    """Return what may be told of a database error: its class, never its message, which can hold values."""
    return type(error).__name__


def _encode_jsonb(value: Any) -> bytes:
    # Version byte of the binary jsonb format.
    return b"\x01" + orjson.dumps(value)


def _decode_jsonb(value: bytes) -> Any:
    return orjson.loads(value[1:])
