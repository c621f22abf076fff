"""A stack whose processes can be killed, stopped and started one by one: Postgres, a broker and services, each a real process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx2

from shared.contracts.registry import PRODUCERS
from shared.embedded import EmbeddedPostgres, free_port, prepare_database
from shared.embedded.broker import EmbeddedBroker, ensure_topics, read_topics
from shared.embedded.kafka import KafkaBroker
from shared.embedded.roles import with_database, with_login
from shared.embedded.tansu import TansuBroker
from shared.http.api_keys import generate_key

SERVICES = ("customers", "loyalty", "analytics")
_ANY_READ = "/v1/operations/dead-letters"
_TOPICS = Path(__file__).parents[1] / "kafka" / "topics.yaml"
_DATABASE = "regulars"
_PASSWORD = "test"  # noqa: S105 - the server lives as long as the test and listens on the loopback address only
_READY_TIMEOUT_SECONDS = 60.0


@dataclass
class Stack:
    """Postgres with durable writes, a broker, and services as child processes under the test's control.

    Attributes:
        home: folder of data and logs.
        broker_kind: `tansu` or `kafka`.
        server_key: accepted by every service, with all scopes.
        postgres_settings: settings of postgresql.conf beyond the usual ones.
    """

    home: Path
    broker_kind: str = os.environ.get("BROKER", "tansu")
    server_key: str = field(default_factory=lambda: generate_key().key)
    postgres_settings: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.postgres = EmbeddedPostgres(self.home / "postgres", free_port(), _PASSWORD, self.postgres_settings)
        broker = KafkaBroker if self.broker_kind == "kafka" else TansuBroker
        self.broker: EmbeddedBroker = broker(self.home / "broker", free_port())

    def start(self, services: Sequence[str] = SERVICES) -> None:
        """Start everything and wait until the services are ready."""
        self.postgres.start()
        asyncio.run(prepare_database(self.postgres.dsn(), _DATABASE, PRODUCERS, dict.fromkeys(PRODUCERS, _PASSWORD)))
        self.start_broker()
        self.run_for_all(services, "migrate")
        for service in services:
            self.start_service(service, wait=False)
        for service in services:
            self.wait_until_ready(service)
            self._wait_until_key_is_known(service)

    def stop(self) -> None:
        """Stop everything; what was frozen is woken first."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
        self.broker.stop()
        self.postgres.destroy()

    def start_broker(self) -> None:
        """Start the broker and create the topics before any client sees it."""
        self.broker.start()
        asyncio.run(ensure_topics(self.broker.bootstrap_servers, read_topics(_TOPICS)))

    def replace_broker(self) -> None:
        """Start the broker again as the supervisor of the local runner does.

        The embedded one comes back empty, and clients that outlive it spoil its new topics, so the services go first.
        """
        services = list(self.processes)
        for service in services:
            self.kill(service)
        self.start_broker()
        for service in services:
            self.start_service(service, wait=False)
        for service in services:
            self.wait_until_ready(service)

    def start_service(self, service: str, *, wait: bool = True, failpoint: str | None = None) -> None:
        """Start a service, optionally with an armed failpoint such as `relay.after_send:kill`."""
        extra = {"REGULARS_FAILPOINT": failpoint} if failpoint else {}
        self.processes[service] = self._spawn(service, "all", extra)
        if wait:
            self.wait_until_ready(service)

    def run(self, service: str, *words: str) -> None:
        """Run a command of a service to its end."""
        self.run_for_all([service], *words)

    def run_for_all(self, services: Sequence[str], *words: str) -> None:
        """Run a command of several services to its end, side by side."""
        running = {service: self._spawn(service, *words) for service in services}
        for service, process in running.items():
            assert process.wait(120) == 0, self.log(service)

    def wait_until_ready(self, service: str) -> float:
        """Return the seconds until `/readyz` answered with success."""
        began = time.monotonic()
        while time.monotonic() - began < _READY_TIMEOUT_SECONDS:
            assert self.processes[service].poll() is None, f"{service} ended:\n{self.log(service)}"
            try:
                if httpx2.get(f"{self.url(service)}/readyz", timeout=2, verify=False).status_code == 200:
                    return time.monotonic() - began
            except httpx2.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{service} is not ready after {_READY_TIMEOUT_SECONDS} s:\n{self.log(service)}")

    def wait_until_dead(self, service: str, *, within_seconds: float = 60.0) -> None:
        """Wait until the process of a service has ended."""
        self.processes[service].wait(within_seconds)

    def kill(self, service: str) -> None:
        """End a service as a power cut would."""
        self.processes[service].kill()
        self.processes[service].wait()

    def freeze(self, service: str) -> None:
        """Stop a service in its tracks (SIGSTOP); its connections stay open."""
        self.processes[service].send_signal(signal.SIGSTOP)

    def thaw(self, service: str) -> None:
        """Let a frozen service go on (SIGCONT)."""
        self.processes[service].send_signal(signal.SIGCONT)

    def url(self, service: str) -> str:
        """Return the base URL of a service."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def client(self, service: str, *, timeout_seconds: float = 10.0) -> httpx2.Client:
        """Return a client of a service with the server key."""
        headers = {"Authorization": f"Bearer {self.server_key}"}
        # There is nothing to verify without TLS, and reading the authorities of the world takes longer than ten calls.
        return httpx2.Client(base_url=self.url(service), headers=headers, timeout=timeout_seconds, verify=False)

    def log(self, service: str) -> str:
        """Return the end of a service's log."""
        path = self.home / f"{service}.log"
        return path.read_text()[-6000:] if path.exists() else ""

    def query(self, service: str, statement: str) -> list[asyncpg.Record]:
        """Run a statement as the service's role and return its rows."""

        async def fetch() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self._dsn(service))
            try:
                return await connection.fetch(statement)
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def _wait_until_key_is_known(self, service: str) -> None:
        """The first key reaches the other services as an event, a moment after they are ready."""
        deadline = time.monotonic() + _READY_TIMEOUT_SECONDS
        with self.client(service) as client:
            while client.get(_ANY_READ).status_code == 401:
                assert time.monotonic() < deadline, f"{service} does not know the key:\n{self.log(service)}"
                time.sleep(0.05)

    def _spawn(self, service: str, *words: str | Mapping[str, str]) -> "subprocess.Popen[bytes]":
        extra = {name: value for word in words if isinstance(word, Mapping) for name, value in word.items()}
        self.ports.setdefault(service, free_port())
        with (self.home / f"{service}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", service, *(word for word in words if isinstance(word, str))],
                env={**os.environ, **self._environment(service), **extra},
                stdout=log,
                stderr=log,
            )

    def _environment(self, service: str) -> dict[str, str]:
        prefix = service.upper()
        values = {
            "HTTP_PORT": str(self.ports[service]),
            "DATABASE_URL": self._dsn(service),
            "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "KAFKA_PROFILE": self.broker_kind,
            "RATE_LIMIT_PER_MINUTE": "1000000",
        }
        if service == "customers":
            values["BOOTSTRAP_SERVER_KEY"] = self.server_key
            values["SIGNING_KEY_FILE"] = str(self.home / "signing_key.pem")
        return {f"{prefix}_{name}": value for name, value in values.items()}

    @property
    def admin_dsn(self) -> str:
        """The superuser's DSN of the suite's database."""
        return with_database(self.postgres.dsn(), _DATABASE)

    def _dsn(self, service: str) -> str:
        return with_login(self.admin_dsn, service, _PASSWORD)
