"""Postgres and a Kafka broker as child processes: for tests, and for running the suite on one machine."""

from shared.embedded.ports import free_port
from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.roles import prepare_database

__all__ = ["EmbeddedPostgres", "free_port", "prepare_database"]
