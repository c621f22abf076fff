"""Settings of a service, read from the environment once, in `__main__`, and passed on."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]


class ServiceSettings(BaseSettings):
    """What every service can be told; a service subclasses it with its own prefix, such as `LOYALTY_`."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    http_host: str = Field(default="127.0.0.1", description="Address on which the HTTP interface listens.")
    http_port: Port = Field(default=8000, description="Port of the HTTP interface.")
    database_url: SecretStr = Field(description="postgresql:// URL with the service's own role.")
    database_pool_size: int = Field(default=10, ge=2, le=100, description="Connections to Postgres at most.")
    kafka_bootstrap_servers: str = Field(default="127.0.0.1:9092", description="host:port of the broker, comma separated.")
    kafka_profile: Literal["kafka", "tansu"] = Field(
        default="kafka", description="Client settings: `tansu` for the embedded broker, which knows no idempotent producer."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least severe line that is logged.")
    max_body_bytes: int = Field(default=8_388_608, ge=1_024, description="Largest request body in bytes.")
    rate_limit_per_minute: int = Field(default=60_000, ge=1, description="Requests a caller may make in a minute, per process.")
    drain_seconds: float = Field(default=10.0, ge=0, le=60, description="Time to finish what is under way at a stop.")
    otlp_endpoint: str | None = Field(default=None, description="OpenTelemetry collector for traces; none are sent when absent.")


class CustomersKeysSettings(ServiceSettings):
    """What only the issuer of keys and tokens is told."""

    signing_key_file: Path | None = Field(default=None, description="PEM file with the Ed25519 private key for tokens; made when absent.")
    bootstrap_server_key: SecretStr | None = Field(
        default=None, description="A server key with all scopes that is accepted from the first start on."
    )
