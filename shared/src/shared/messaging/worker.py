"""The worker process of a service: its relay, its consumer and the upkeep of its messaging tables."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from shared.database.pool import Database, code_of
from shared.messaging.apply import Applier
from shared.messaging.consumer import Consumer
from shared.messaging.inbox import PostgresInboxStore
from shared.messaging.kafka import KafkaTransport
from shared.messaging.kafka_profiles import PROFILES
from shared.messaging.nudge import Nudge
from shared.messaging.outbox_store import PostgresOutbox
from shared.messaging.passes import Passes
from shared.messaging.relay import Relay
from shared.messaging.transport import Transport
from shared.messaging.upkeep import Upkeep
from shared.service import Service
from shared.settings import ServiceSettings

_log = structlog.get_logger(__name__)

# The embedded broker searches all batches of a partition at each fetch: fewer and larger ones keep it fast.
_LINGER_SECONDS = {"kafka": 0.0, "tansu": 0.001}
_RESTART_SECONDS = 1.0


def make_transport(settings: ServiceSettings) -> Transport:
    """Return the broker that the settings name."""
    return KafkaTransport(settings.kafka_bootstrap_servers, PROFILES[settings.kafka_profile])


def make_applier(service: Service, database: Database, after_commit: Callable[[], None] | None = None) -> Applier:
    """Return what applies events to a service; the worker and the commands share it."""
    return Applier(service.handlers, PostgresInboxStore(database, service.name, after_commit))


class Worker:
    """Everything of a service that runs beside its HTTP interface.

    Args:
        service: what to run.
        settings: its settings.
        database: its connections.
        transport: the broker.
        nudge: rung by units of work of the same process; the worker's own is used otherwise.
    """

    def __init__(
        self, service: Service, settings: ServiceSettings, database: Database, transport: Transport, nudge: Nudge | None = None
    ) -> None:
        self.nudge = nudge or Nudge()
        dsn = settings.database_url.get_secret_value()
        linger_seconds = _LINGER_SECONDS[settings.kafka_profile]
        self._relay = Relay(
            partial(PostgresOutbox.open, dsn), transport, f"regulars.{service.name}", self.nudge, linger_seconds=linger_seconds
        )
        self._upkeep = Upkeep(database)
        self._passes = Passes(database, service.passes, self.nudge.ring) if service.passes else None
        self._consumer = None
        if service.handlers:
            applier = make_applier(service, database, self.nudge.ring)
            self._consumer = Consumer(transport, applier, f"regulars.{service.name}", service.topics)
        self._drain_seconds = settings.drain_seconds

    def is_alive(self) -> bool:
        """Return whether the consumer makes progress, or has nothing to do; for `/livez`."""
        return self._consumer is None or self._consumer.is_alive()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop, then finish what is under way within the drain time."""
        _spare_collector()
        parts = {"relay": self._relay.run, "upkeep": self._upkeep.run}
        if self._passes is not None:
            parts["passes"] = self._passes.run
        if self._consumer is not None:
            parts["consumer"] = self._consumer.run
        tasks = [asyncio.create_task(_keep_running(name, run, stop), name=name) for name, run in parts.items()]
        try:
            await stop.wait()
            await asyncio.wait(tasks, timeout=self._drain_seconds)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def run_worker(
    service: Service, settings: ServiceSettings, database: Database, transport: Transport, stop: asyncio.Event, nudge: Nudge | None = None
) -> None:
    """Run the relay, the consumer and the upkeep of a service until told to stop.

    Args:
        service: what to run.
        settings: its settings.
        database: its connections.
        transport: the broker.
        stop: set to end it.
        nudge: rung by units of work of the same process (`UnitOfWork(after_commit=nudge.ring)`).
    """
    await Worker(service, settings, database, transport, nudge).run(stop)


def _spare_collector() -> None:
    """Look for cycles less often: a batch makes thousands of small objects and no cycle, and half the relay's time went into looking."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _keep_running(name: str, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Start a part again when it fails in a way that it does not know."""
    while not stop.is_set():
        try:
            await run(stop)
        except Exception as error:  # noqa: BLE001 - whatever it was, the other parts go on
            _log.exception("a part of the worker failed and starts again", part=name, error=code_of(error))
            await asyncio.sleep(_RESTART_SECONDS)
