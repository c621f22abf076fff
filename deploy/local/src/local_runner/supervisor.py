"""Starts the suite in order, keeps it running, stops it in order."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from rich.console import Console

from local_runner.credentials import Credentials
from local_runner.environment import admin_url, bootstrap_servers, service_environment
from local_runner.schemas import services_to_migrate, services_with_events
from local_runner.service_process import ServiceProcess, run_for_all, wait_for_key, wait_ready
from local_runner.settings import Settings
from local_runner.state import Child, State
from shared.embedded.broker import EmbeddedBroker, Profile, ensure_topics, read_topics
from shared.embedded.kafka import KafkaBroker
from shared.embedded.ports import is_listening
from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.process import EmbeddedServerFailed
from shared.embedded.roles import prepare_database
from shared.embedded.tansu import TansuBroker

TOPICS = Path(__file__).resolve().parents[4] / "deploy" / "kafka" / "topics.yaml"

_MIGRATE_TIMEOUT_SECONDS = 300.0
_REPLAY_TIMEOUT_SECONDS = 1_800.0
_RETRY_PAUSE_SECONDS = 2.0


class Supervisor:
    """One suite: database, broker and services, in the order in which they need each other."""

    def __init__(self, settings: Settings, credentials: Credentials, console: Console, *, fresh: bool) -> None:
        self._settings = settings
        self._credentials = credentials
        self._console = console
        # Before its first start a suite has no events that a broker could have lost.
        self._fresh = fresh
        self._postgres = embedded_postgres(settings, credentials)
        self._broker = embedded_broker(settings)
        self.services = [self._service(name) for name in settings.services]
        runner = Child.of(os.getpid())
        if runner is None:
            raise EmbeddedServerFailed("The runner cannot find its own process.")
        self.state = State(runner)

    def start(self) -> None:
        """Start everything and wait until every service is ready.

        Raises:
            EmbeddedServerFailed: something did not start; the detail ends with the tail of its log.
        """
        self.state.write(self._settings.home)
        self._refuse_taken_ports()
        if self._postgres is not None:
            with self._step("Postgres", f"127.0.0.1:{self._settings.postgres_port}"):
                self._postgres.start()
        with self._step("Database", "roles and schemas"):
            self._prepare_database()
        self._start_broker()
        self._migrate()
        self._replay_what_is_lost()
        self._start_services()
        self.state.phase = "ready"
        self._write_state()

    def watch(self) -> None:
        """Look at everything once, and start again what died."""
        if self._postgres is not None and not self._postgres.is_running():
            self._say("Postgres died; it starts again")
            self._recover(self._postgres.start)
            self._count("postgres")
        if self._broker is not None and not self._broker.is_running():
            self._say("The broker died; it starts again")
            self._recover(self._restart_broker)
            self._count("broker")
        for service in self.services:
            if sentence := service.watch():
                self._say(sentence)
                self.state.restarts[service.name] = service.restarts
                self._write_state()

    def stop(self) -> None:
        """Stop services, broker and database in this order."""
        self.state.phase = "stopping"
        self._write_state()
        self._stop_services()
        if self._broker is not None:
            with self._step("Broker", "stopped"):
                self._broker.stop()
        if self._postgres is not None:
            with self._step("Postgres", "stopped"):
                self._postgres.stop()
        self.state.children.clear()

    def hurry(self) -> None:
        """Kill the services that are still finishing what is under way."""
        for service in self.services:
            service.hurry()

    def _service(self, name: str) -> ServiceProcess:
        environment = service_environment(self._settings, self._credentials, name)
        log = self._settings.logs / f"{name}.log"
        return ServiceProcess(name, self._settings.service_url(name), environment, self._settings.home, log)

    def _named(self, names: Sequence[str]) -> list[ServiceProcess]:
        return [service for service in self.services if service.name in names]

    def _refuse_taken_ports(self) -> None:
        for name, port in self._settings.ports().items():
            if name == "postgres" and self._postgres is not None and self._postgres.is_running():
                continue
            if is_listening(port):
                raise EmbeddedServerFailed(
                    f"Port {port}, meant for {name}, is taken. Choose others: PORT_BASE={self._settings.port_base + 1000}"
                )

    def _prepare_database(self) -> None:
        server = self._settings.database_url or (self._postgres.dsn() if self._postgres else "")
        database = urlsplit(admin_url(self._settings, self._credentials)).path.strip("/")
        asyncio.run(prepare_database(server, database, self._settings.services, self._credentials.service_passwords))

    def _migrate(self) -> None:
        behind = asyncio.run(services_to_migrate(admin_url(self._settings, self._credentials), self._settings.services))
        if behind:
            with self._step("Migrations", ", ".join(behind)):
                run_for_all(self._named(behind), "migrate", timeout_seconds=_MIGRATE_TIMEOUT_SECONDS)

    def _start_broker(self) -> None:
        if self._broker is not None:
            with self._step("Broker", f"{self._broker.profile} at {self._broker.bootstrap_servers}"):
                self._broker.start()
        with self._step("Topics", "created" if self._broker else "checked"):
            asyncio.run(ensure_topics(bootstrap_servers(self._settings), read_topics(TOPICS)))

    def _replay_what_is_lost(self) -> None:
        """Send the event logs again when the broker does not have them, or not those that another one was sent meanwhile."""
        if self._broker is None:
            return
        last = self._settings.home / "last-broker"
        before = last.read_text() if last.exists() else None
        which = None if self._fresh else events_to_send_again(self._broker.profile, before)
        if which is not None:
            telling = asyncio.run(services_with_events(admin_url(self._settings, self._credentials), self._settings.services))
            with self._step("Events", f"to be sent again: {which}"):
                run_for_all(self._named(telling), "replay", f"--{which}", timeout_seconds=_REPLAY_TIMEOUT_SECONDS)
        last.write_text(self._broker.profile)

    def _start_services(self) -> None:
        with self._step("Services", ", ".join(self._settings.services)):
            for service in self.services:
                service.start()
            self._write_state()
            wait_ready(self.services)
            unaware = wait_for_key(self.services, self._credentials.server_key)
        for name in unaware:
            self._say(f"{name} has not heard of the server key yet; it refuses it for now")

    def _stop_services(self) -> None:
        with self._step("Services", "stopped"):
            for service in self.services:
                service.ask_to_stop()
            for service in self.services:
                service.stop()

    def _restart_broker(self) -> None:
        """Start the broker again, and the services too when it came back without topics.

        Their producers would have the topics made anew with a wrong number of partitions, and their consumers would wait
        for offsets that never come.
        """
        if self._broker is None:
            return
        forgets = self._broker.profile == "tansu"
        if forgets:
            self._stop_services()
        self._start_broker()
        if forgets:
            self._fresh = False
            self._replay_what_is_lost()
            self._start_services()

    def _recover(self, attempt: Callable[[], None]) -> None:
        """Try until it works: the suite is of no use without."""
        self.state.phase = "recovering"
        self._write_state()
        while self.state.phase == "recovering":
            try:
                attempt()
            except EmbeddedServerFailed as error:
                self._say(f"{error}\nNext attempt in {_RETRY_PAUSE_SECONDS:g} s")
                time.sleep(_RETRY_PAUSE_SECONDS)
            else:
                self.state.phase = "ready"

    def _count(self, name: str) -> None:
        self.state.restarts[name] = self.state.restarts.get(name, 0) + 1
        self._write_state()

    def _write_state(self) -> None:
        ids = {service.name: service.process_id for service in self.services}
        ids |= {
            "broker": self._broker.process_id if self._broker else None,
            "postgres": self._postgres.process_id if self._postgres else None,
        }
        children = {name: Child.of(process_id) for name, process_id in ids.items() if process_id is not None}
        self.state.children = {name: child for name, child in children.items() if child is not None}
        self.state.write(self._settings.home)

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, style="yellow", highlight=False, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def _step(self, name: str, detail: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._console.print(f"  {name:<11} {detail:<44} {time.monotonic() - begun:6.2f} s", highlight=False)


def events_to_send_again(broker: Profile, before: str | None) -> Literal["missing", "all"] | None:
    """Return what a start has to send again.

    Args:
        broker: that now runs. Tansu always starts empty, Apache Kafka keeps its records.
        before: that ran last, None when none did.
    """
    if broker == "tansu":
        return "missing"
    return None if before == "kafka" else "all"


def embedded_postgres(settings: Settings, credentials: Credentials) -> EmbeddedPostgres | None:
    """Return the suite's own Postgres, None when it uses a server that exists."""
    if settings.database_url is not None:
        return None
    return EmbeddedPostgres(
        settings.home / "postgres", settings.postgres_port, credentials.superuser_password, binaries=settings.postgres_binaries
    )


def embedded_broker(settings: Settings) -> EmbeddedBroker | None:
    """Return the suite's own broker, None when it uses a cluster that exists."""
    if settings.kafka_bootstrap_servers is not None:
        return None
    broker = {"tansu": TansuBroker, "kafka": KafkaBroker}[settings.broker]
    return broker(settings.home / settings.broker, settings.broker_port)
