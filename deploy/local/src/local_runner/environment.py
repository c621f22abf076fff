"""What a service is told at its start, and what a shell needs to call the suite."""

import shlex
import sys
from urllib.parse import urlsplit

from local_runner.credentials import Credentials
from local_runner.settings import Settings
from shared.embedded.roles import with_database, with_login

DATABASE = "regulars"
# Variables of the runner that would mean something else to a service or to its tools.
_NOT_PASSED_ON = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "PG_BIN", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")


def admin_url(settings: Settings, credentials: Credentials) -> str:
    """Return the administrator's URL of the suite's database; one that names no database of its own gets ours."""
    if settings.database_url is not None:
        named = urlsplit(settings.database_url).path.strip("/")
        return settings.database_url if named not in ("", "postgres") else with_database(settings.database_url, DATABASE)
    return f"postgresql://postgres:{credentials.superuser_password}@127.0.0.1:{settings.postgres_port}/{DATABASE}"


def bootstrap_servers(settings: Settings) -> str:
    """Return the address of the broker."""
    return settings.kafka_bootstrap_servers or f"127.0.0.1:{settings.broker_port}"


def service_environment(settings: Settings, credentials: Credentials, service: str) -> dict[str, str]:
    """Return the whole environment of a service's processes."""
    prefix = service.upper()
    profile = "kafka" if settings.kafka_bootstrap_servers else settings.broker
    environment = {name: value for name, value in settings.environment.items() if name not in _NOT_PASSED_ON}
    environment |= {
        f"{prefix}_HTTP_HOST": "127.0.0.1",
        f"{prefix}_HTTP_PORT": str(settings.service_port(service)),
        f"{prefix}_DATABASE_URL": with_login(admin_url(settings, credentials), service, credentials.service_passwords[service]),
        f"{prefix}_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers(settings),
        f"{prefix}_KAFKA_PROFILE": profile,
    }
    if service == "customers":
        environment["CUSTOMERS_BOOTSTRAP_SERVER_KEY"] = credentials.server_key
        environment["CUSTOMERS_SIGNING_KEY_FILE"] = str(credentials.signing_key_file)
    return environment


def service_command(service: str, *words: str) -> list[str]:
    """Return the command line of one of a service's commands."""
    return [sys.executable, "-m", service, *words]


def shell_assignments(settings: Settings, credentials: Credentials) -> str:
    """Return what a shell can evaluate to call the suite."""
    values = {f"{service.upper()}_URL": settings.service_url(service) for service in settings.services}
    values |= {
        "SERVER_KEY": credentials.server_key,
        "DATABASE_URL": admin_url(settings, credentials),
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers(settings),
    }
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())
