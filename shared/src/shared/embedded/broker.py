"""What the brokers that run as child processes have in common, and the topics of the suite."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Literal, Protocol

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from shared.embedded.process import EmbeddedServerFailed

Profile = Literal["tansu", "kafka"]

_TOPIC_ALREADY_EXISTS = 36
_REQUEST_TIMEOUT_MS = 10_000
_TOPICS_TIMEOUT_SECONDS = 30.0
_RETRY_PAUSE_SECONDS = 0.1


class EmbeddedBroker(Protocol):
    """A broker that speaks the Kafka protocol, as a child process on 127.0.0.1."""

    profile: Profile
    """Which settings its clients need."""

    @property
    def bootstrap_servers(self) -> str:
        """Address that clients connect to first."""
        ...

    @property
    def process_id(self) -> int | None:
        """Process id, None when it does not run."""
        ...

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            EmbeddedServerFailed: it did not start; the detail ends with the tail of its log.
        """
        ...

    def stop(self) -> None:
        """Stop it in order. Harmless when it does not run."""
        ...

    def kill(self) -> None:
        """Kill it as a power cut would. For tests of what survives."""
        ...

    def is_running(self) -> bool:
        """Return whether it runs and accepts connections."""
        ...


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
