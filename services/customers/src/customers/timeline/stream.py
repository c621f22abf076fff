"""The live view of timelines: server-sent events for many streams from one look at the database.

Touches are told in the order of the transactions that wrote them, and only those of transactions before the oldest one that
still runs: what commits late is not passed over. The price is that a long transaction holds the live view up, never the pages.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncpg
import orjson
import structlog
from fastapi import Request

from customers.timeline import repository
from customers.timeline.errors import TooManyStreams
from customers.timeline.repository import StoredTouch
from shared.database.pool import code_of
from shared.errors import Unavailable
from shared.http.state import AppState, state_of

# One look at the database for all streams of a process.
POLL_SECONDS = 0.5
# A comment keeps proxies from cutting a quiet stream.
HEARTBEAT_SECONDS = 15.0
# Then the client comes again with its last id, and its key is looked at again.
MAX_STREAM_SECONDS = 900.0
MAX_STREAMS = 200
# A client that is so far behind is cut off, and catches up from its last id.
MAX_WAITING = 1_000
_PAGE = 500

_log = structlog.get_logger(__name__)


class Position(NamedTuple):
    """Where a stream stands; the id of its events.

    Attributes:
        written_in: number of the transaction that wrote the touch.
        id: the touch.
    """

    written_in: int
    id: str

    def __str__(self) -> str:
        return f"{self.written_in}-{self.id}"

    @classmethod
    def read(cls, text: str | None) -> "Position | None":
        """Return the position in a Last-Event-ID, or None when it holds none of ours."""
        number, _, touch_id = (text or "").partition("-")
        return cls(int(number), touch_id) if number.isascii() and number.isdigit() and len(number) < 19 and touch_id.isascii() else None


class Written(NamedTuple):
    """A touch and where it stands in the order of writing."""

    position: Position
    touch: StoredTouch


@dataclass(eq=False)
class Subscription:
    """One stream and what waits to be sent on it.

    Attributes:
        ids: every record of the customer's family.
        begins: set to the transaction from which on the touches come by the queue; None tells that none will.
        waiting: touches to be sent; None ends the stream.
    """

    ids: frozenset[str]
    begins: "asyncio.Future[int | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    waiting: "asyncio.Queue[Written | None]" = field(default_factory=lambda: asyncio.Queue(MAX_WAITING + 1))

    def offer(self, written: Written | None) -> None:
        """Queue a touch, or the end; one touch too many ends the stream, too."""
        if self.waiting.qsize() < MAX_WAITING:
            self.waiting.put_nowait(written)
        elif not self.waiting.full():
            self.waiting.put_nowait(None)

    def end(self) -> None:
        """Send nothing more after what waits."""
        if not self.begins.done():
            self.begins.set_result(None)
        self.offer(None)


class Streams:
    """All live views of a process."""

    def __init__(self, state: AppState, *, poll_seconds: float = POLL_SECONDS, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._state = state
        self._poll_seconds = poll_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._all: set[Subscription] = set()
        self._joining: list[Subscription] = []
        self._task: asyncio.Task[None] | None = None
        self._since: int | None = None

    def __len__(self) -> int:
        return len(self._all)

    def check_room(self) -> None:
        """Refuse one stream too many.

        Raises:
            TooManyStreams: this process has as many as it may.
        """
        if len(self._all) >= MAX_STREAMS:
            raise TooManyStreams(retry_after_seconds=5)

    async def follow(self, ids: Sequence[str], last: Position | None) -> AsyncIterator[bytes]:
        """Yield the events of a stream: first what was missed since `last`, then what is written from now on.

        Args:
            ids: every record of the customer's family.
            last: of the last event that the client has; None for a new client.
        """
        subscription = self._open(ids)
        try:
            yield b": here\n\n"
            begins = await subscription.begins
            if last is not None and begins is not None:
                async for written in self._missed(subscription, last, begins):
                    yield _event(written)
            async for event in self._live(subscription):
                yield event
        finally:
            self._all.discard(subscription)

    def _open(self, ids: Sequence[str]) -> Subscription:
        subscription = Subscription(frozenset(ids))
        self._all.add(subscription)
        self._joining.append(subscription)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
            self._state.tasks.add(self._task)
            self._task.add_done_callback(self._state.tasks.discard)
        return subscription

    async def _live(self, subscription: Subscription) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + MAX_STREAM_SECONDS
        while loop.time() < ends_at:
            try:
                written = await asyncio.wait_for(subscription.waiting.get(), self._heartbeat_seconds)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if written is None:
                return
            yield _event(written)
            # From here on others belong to the family: the client comes again and is told theirs.
            if "merge" in written.touch.kind:
                return

    async def _missed(self, subscription: Subscription, last: Position, begins: int) -> AsyncIterator[Written]:
        while True:
            async with self._state.opened().acquire() as connection:
                page = await repository.written_between(connection, sorted(subscription.ids), last, begins, _PAGE)
            for row in page:
                yield _written(row)
            if len(page) < _PAGE:
                return
            last = _written(page[-1]).position

    async def _look(self) -> None:
        """Look for what was written, as long as somebody follows."""
        try:
            while self._all and not self._state.draining:
                try:
                    await self._look_once()
                except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                    _log.warning("the live view waits", error=code_of(error))
                await asyncio.sleep(self._poll_seconds)
        finally:
            # Whoever follows first again has nothing to do with what was written until then.
            self._since = None
            for subscription in self._all:
                subscription.end()

    async def _look_once(self) -> None:
        """Send what was written since the last look."""
        async with self._state.opened().acquire() as connection:
            if self._since is None:
                self._since = await repository.horizon(connection)
            # Whoever comes from here on is told by the next look.
            joining, self._joining = self._joining, []
            for subscription in joining:
                subscription.begins.set_result(self._since)
            followers: defaultdict[str, list[Subscription]] = defaultdict(list)
            for subscription in self._all:
                for customer_id in subscription.ids:
                    followers[customer_id].append(subscription)
            self._since, rows = await repository.written_since(connection, self._since, list(followers))
        for row in rows:
            for subscription in followers[row["customer_id"]]:
                subscription.offer(_written(row))


def _written(row: asyncpg.Record) -> Written:
    return Written(Position(row["written_in"], row["id"]), StoredTouch(*row[:9]))


def _event(written: Written) -> bytes:
    return b"id: %b\nevent: touch\ndata: %b\n\n" % (str(written.position).encode(), orjson.dumps(written.touch._asdict()))


async def streams_of(request: Request) -> Streams:
    """Return the streams of the process that answers a request."""
    shared = request.scope["app"].state
    if not hasattr(shared, "timeline_streams"):
        shared.timeline_streams = Streams(state_of(request))
    return shared.timeline_streams
