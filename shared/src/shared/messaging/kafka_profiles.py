"""Client settings for the two kinds of broker that the suite runs on."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings that depend on the broker.

    Attributes:
        idempotent: the broker drops the duplicates that a producer's own retries make.
        session_timeout_ms: a member that is silent for so long loses its partitions.
        heartbeat_interval_ms: how often a member says that it lives.
        rebalance_timeout_ms: time that members have to finish what is under way when partitions move.
        fetch_max_wait_ms: how long the broker keeps an empty fetch open.
        idle_fetch_max_wait_ms: the same while nothing has come for a second.
        partitions: partitions of a topic that we create.
        replication: copies of a topic that we create; -1 for the broker's default.
    """

    idempotent: bool
    session_timeout_ms: int
    heartbeat_interval_ms: int
    rebalance_timeout_ms: int
    fetch_max_wait_ms: int
    idle_fetch_max_wait_ms: int
    partitions: int = 12
    replication: int = -1

    def producer(self) -> dict[str, Any]:
        """Return the arguments of aiokafka's producer."""
        return {
            "acks": "all",
            "enable_idempotence": self.idempotent,
            "linger_ms": 0,
            "max_batch_size": MAX_BATCH_BYTES,
            "max_request_size": MAX_REQUEST_BYTES,
            "request_timeout_ms": 10_000,
            "retry_backoff_ms": 50,
        }

    def consumer(self) -> dict[str, Any]:
        """Return the arguments of aiokafka's consumer."""
        return {
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": self.session_timeout_ms,
            "heartbeat_interval_ms": self.heartbeat_interval_ms,
            "rebalance_timeout_ms": self.rebalance_timeout_ms,
            "fetch_max_wait_ms": self.fetch_max_wait_ms,
            "max_partition_fetch_bytes": MAX_REQUEST_BYTES * 2,
            "request_timeout_ms": 10_000,
            "retry_backoff_ms": 50,
        }


# A batch and a request as large as brokers take without being told otherwise.
MAX_BATCH_BYTES = 524_288
MAX_REQUEST_BYTES = 1_000_000

PROFILES: dict[Literal["kafka", "tansu"], Profile] = {
    "kafka": Profile(
        idempotent=True,
        # A killed worker's partitions wait for so long; brokers allow no less than six seconds by default.
        session_timeout_ms=10_000,
        heartbeat_interval_ms=2_000,
        rebalance_timeout_ms=30_000,
        fetch_max_wait_ms=500,
        idle_fetch_max_wait_ms=500,
    ),
    # One embedded broker that holds everything in memory and knows no idempotent producer.
    "tansu": Profile(
        idempotent=False,
        session_timeout_ms=2_000,
        heartbeat_interval_ms=300,
        rebalance_timeout_ms=5_000,
        # It looks for records when the wait is over, not when they come: short waits are quick, and cost a processor when nothing comes.
        fetch_max_wait_ms=10,
        idle_fetch_max_wait_ms=50,
        replication=1,
    ),
}
