"""What the brokers that run as child processes have in common, and the topics of the suite."""

import asyncio
import contextlib
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from shared.embedded.ports import is_listening
from shared.embedded.process import EmbeddedServerFailed, end, wait_until

Profile = Literal["tansu", "kafka"]

_TOPIC_ALREADY_EXISTS = 36
_REQUEST_TIMEOUT_MS = 10_000
_TOPICS_TIMEOUT_SECONDS = 30.0
_RETRY_PAUSE_SECONDS = 0.1


class EmbeddedBroker(ABC):
    """A broker that speaks the Kafka protocol, as a child process on 127.0.0.1.

    Args:
        home: folder of its data and log; made when absent.
        port: TCP port for clients.
    """

    name: ClassVar[str]
    profile: ClassVar[Profile]
    """Which settings its clients need."""
    _start_timeout_seconds: ClassVar[float]
    _stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]

    def __init__(self, home: Path, port: int) -> None:
        self.home = home.resolve()
        self.port = port
        self.log = self.home / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Address that clients connect to first."""
        return f"127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int | None:
        """Process id, None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def is_running(self) -> bool:
        """Return whether the broker runs and accepts connections."""
        return self.process_id is not None and is_listening(self.port)

    def start(self) -> None:
        """Start the broker and wait until it accepts connections. Harmless when it runs.

        Raises:
            EmbeddedServerFailed: it did not start, or something else has a port; the detail ends with the tail of its log.
        """
        if self.is_running():
            return
        self.stop()
        for port in self._ports():
            if is_listening(port):
                raise EmbeddedServerFailed(f"Port {port}, meant for {self.name}, is taken.")
        self.home.mkdir(parents=True, exist_ok=True)
        self._process = self._launch()
        wait_until(self.name, lambda: is_listening(self.port), self._process, log=self.log, timeout_seconds=self._start_timeout_seconds)

    def stop(self) -> None:
        """Stop the broker in order. Harmless when it does not run."""
        if self._process is not None:
            end(self._process.pid, self._stop_signals)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill the broker as a power cut would. For tests of what survives."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _ports(self) -> Sequence[int]:
        """The ports that it listens on."""
        return (self.port,)

    @abstractmethod
    def _launch(self) -> "subprocess.Popen[bytes]":
        """Start the process."""


def read_topics(path: Path) -> dict[str, int]:
    """Return the partitions of each topic that a file such as `deploy/kafka/topics.yaml` declares."""
    return {topic["name"]: int(topic["partitions"]) for topic in yaml.safe_load(path.read_text())["topics"]}


async def ensure_topics(bootstrap_servers: str, topics: Mapping[str, int]) -> None:
    """Create the topics that are missing, and wait until every partition is known.

    Runs before any client starts: a producer that meets an unknown topic may have it created with the wrong number of partitions.

    Raises:
        EmbeddedServerFailed: a topic has fewer partitions than declared, or the broker did not answer in time.
    """
    deadline = time.monotonic() + _TOPICS_TIMEOUT_SECONDS
    while True:
        try:
            async with _admin(bootstrap_servers) as admin:
                missing = await _missing(admin, topics)
                if not missing:
                    return
                await _create(admin, missing)
        except (KafkaError, OSError) as error:
            reason = repr(error)
        else:
            reason = f"still missing: {', '.join(sorted(missing))}"
        if time.monotonic() > deadline:
            raise EmbeddedServerFailed(f"The topics could not be created at {bootstrap_servers}: {reason}")
        await asyncio.sleep(_RETRY_PAUSE_SECONDS)


async def _missing(admin: AIOKafkaAdminClient, topics: Mapping[str, int]) -> dict[str, int]:
    """The topics that do not exist yet. Those which do must have their partitions, as adding some would move keys."""
    present = {}
    # All topics are asked for: Tansu creates, with a number of partitions of its own, a topic that is asked for by name.
    for topic in await admin.describe_topics():
        if topic["topic"] in topics and topic["error_code"] == 0:
            present[topic["topic"]] = len(topic["partitions"])
    for name, partitions in present.items():
        if partitions < topics[name]:
            raise EmbeddedServerFailed(f"Topic {name} has {partitions} partitions, {topics[name]} are declared.")
    return {name: partitions for name, partitions in topics.items() if name not in present}


async def _create(admin: AIOKafkaAdminClient, topics: Mapping[str, int]) -> None:
    wanted = [NewTopic(name, partitions, replication_factor=1) for name, partitions in topics.items()]
    answer = await admin.create_topics(wanted, timeout_ms=_REQUEST_TIMEOUT_MS)
    for name, code, *message in getattr(answer, "topic_errors", ()):
        if code not in (0, _TOPIC_ALREADY_EXISTS):
            raise EmbeddedServerFailed(f"Topic {name} was refused with code {code}: {message}")


@contextlib.asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
