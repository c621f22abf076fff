"""A service as a process: its HTTP interface, its worker, and an orderly end."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal

import uvicorn
from fastapi import FastAPI

from shared.database.pool import PoolDatabase
from shared.http import create_app
from shared.messaging.nudge import Notifier, Nudge
from shared.messaging.rebuild import rebuild
from shared.messaging.replay import replay
from shared.messaging.worker import Worker, make_transport
from shared.service import Service
from shared.settings import ServiceSettings
from shared.telemetry import configure_logging, configure_tracing

Parts = Literal["api", "worker", "all"]


class _Server(uvicorn.Server):
    """Leaves the signals to the process, whose worker must end in order too."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(service: Service, settings: ServiceSettings, *, parts: Parts) -> int:
    """Run a service until SIGTERM or SIGINT, then finish what is under way.

    Args:
        service: its composition.
        settings: read from the environment.
        parts: the HTTP interface, the worker, or both in one process.

    Returns:
        The exit status.
    """
    configure_logging(service.name, level=settings.log_level)
    configure_tracing(service.name, settings.otlp_endpoint)
    stop = _stop_on_signals()
    dsn = settings.database_url.get_secret_value()
    database = await PoolDatabase.connect(dsn, max_size=settings.database_pool_size, application_name=f"{service.name}-{parts}")
    try:
        async with asyncio.TaskGroup() as tasks:
            wake: Callable[[], None]
            alive: Callable[[], bool] = lambda: True  # noqa: E731 - replaced by the worker's watchdog
            if parts == "api":
                notifier = Notifier(dsn)
                tasks.create_task(notifier.run(stop))
                wake = notifier.ring
            else:
                nudge = Nudge()
                worker = Worker(service, settings, database, make_transport(settings), nudge)
                tasks.create_task(worker.run(stop))
                wake, alive = nudge.ring, worker.is_alive
            if parts != "worker":
                app = create_app(service, settings, database=database, after_commit=wake)
                app.state.regulars.alive = alive
                tasks.create_task(_serve_http(app, settings, stop))
    finally:
        await database.close()
    return 0


async def replay_command(service: Service, settings: ServiceSettings, *, since: datetime | None, only_missing: bool) -> int:
    """Queue events of the service's log for sending again, and tell how many."""
    configure_logging(service.name, level=settings.log_level)
    database = await PoolDatabase.connect(settings.database_url.get_secret_value(), max_size=2, command_timeout_seconds=600)
    try:
        queued = await replay(database, make_transport(settings), service, since=since, only_missing=only_missing)
    finally:
        await database.close()
    print(f"{service.name}: {queued} events will be sent again")  # noqa: T201
    return 0


async def rebuild_command(service: Service, settings: ServiceSettings) -> int:
    """Empty the service's projections and fill them again from the topics."""
    configure_logging(service.name, level=settings.log_level)
    database = await PoolDatabase.connect(settings.database_url.get_secret_value(), max_size=4, command_timeout_seconds=600)
    try:
        applied = await rebuild(service, database, make_transport(settings), _show_progress)
    finally:
        await database.close()
    print(f"{service.name}: {applied} events were applied again")  # noqa: T201
    return 0


def _show_progress(done: int, total: int) -> None:
    """Draw over the last line of a terminal; say nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} events", end="" if done < total else "\n", file=sys.stderr)  # noqa: T201


async def _serve_http(app: FastAPI, settings: ServiceSettings, stop: asyncio.Event) -> None:
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        http="httptools",
        loop="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_seconds),
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    app.state.regulars.draining = True
    server.should_exit = True
    stopping.cancel()
    await serving
    if not stop.is_set():
        raise RuntimeError("the HTTP server ended by itself")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
