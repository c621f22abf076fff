"""A Postgres of the benchmark's own, gone afterwards."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.database import alembic_env
from shared.embedded import EmbeddedPostgres, free_port, prepare_database
from shared.embedded.roles import with_database, with_login
from shared.service import Service


@contextlib.contextmanager
def server(*, durable: bool) -> Iterator[EmbeddedPostgres]:
    """Run Postgres in a new folder; `durable` waits for the disk at each commit, as in earnest."""
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    postgres = EmbeddedPostgres(home / "postgres", free_port(), "bench", durable=durable)
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.destroy()
        shutil.rmtree(home, ignore_errors=True)


async def migrated(postgres: EmbeddedPostgres, service: Service, name: str = "bench") -> str:
    """Make a database with a service's schema and return the DSN of its role."""
    await prepare_database(postgres.dsn(), name, [service.name], {service.name: "bench"})
    dsn = with_login(with_database(postgres.dsn(), name), service.name, "bench")
    await asyncio.to_thread(alembic_env.upgrade, service.migrations, dsn)
    return dsn
