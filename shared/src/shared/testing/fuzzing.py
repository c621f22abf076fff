"""Runs schemathesis against a service: every phase, over a real socket, on a database of its own."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop

from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.embedded import free_port
from shared.http import create_app
from shared.http.access_events import issue_key
from shared.http.scopes import ALL_SCOPES
from shared.service import Service

# Bounded, so that four services fit into a test run on two cores.
MAX_EXAMPLES = 10
_TIMEOUT_SECONDS = 400
_MAX_LINE = 1_000
# Live views: their answers end only when their client goes.
_ENDLESS = "/stream$"
# What is sent wrongly may also meet a version that is old (412, RFC 9110) before it is looked at; in a batch each item is refused in
# its own result, within an answer of 200.
_CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429]

[[operations]]
include-path-regex = "/(batch|review)$"
checks.negative_data_rejection.enabled = false
"""
_HOOKS = "shared.testing.fuzzing_hooks"
_UNFIT_CHECKS = (
    # Rules of the domain refuse what has the right form: an order that does not exist, a version that is old, a key used twice.
    "positive_data_acceptance",
    # A missing If-Match is answered with 428 (RFC 6585), which the check does not know.
    "missing_required_header",
)


def fuzz(service: Service, dsn: str, folder: Path, *, max_examples: int = MAX_EXAMPLES, excluded_checks: tuple[str, ...] = ()) -> None:
    """Send a service what its document allows and what it forbids; every answer must be as documented, and none 500.

    Must run in a thread of its own (`asyncio.to_thread`) when there is an event loop.

    Args:
        service: under test.
        dsn: a migrated database of the test's own (`committed_dsn`).
        folder: where schemathesis may write.
        max_examples: of each operation in each phase.
        excluded_checks: names of schemathesis' checks that do not fit the service, each with a reason at the call.

    Raises:
        AssertionError: with the report.
    """
    with _served(service, dsn) as (url, key):
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
        command += ["--header", f"Authorization: Bearer {key}", "--max-examples", str(max_examples)]
        command += ["--phases", "examples,coverage,fuzzing,stateful", "--exclude-checks", ",".join((*_UNFIT_CHECKS, *excluded_checks))]
        command += ["--exclude-path-regex", _ENDLESS]
        command += ["--seed", "1", "--workers", "1", "--request-timeout", "20", "--no-color"]
        (folder / "schemathesis.toml").write_text(_CONFIGURATION)
        done = subprocess.run(  # noqa: S603 - a program of our own environment
            command,
            cwd=folder,
            env={**os.environ, "SCHEMATHESIS_HOOKS": _HOOKS},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    # A body of a thousand items would hide what is wrong with it.
    report = "\n".join(line[:_MAX_LINE] for line in done.stdout.splitlines())
    # The failures stand before the warnings, of which there may be very many.
    assert done.returncode == 0, report[max(report.find("= FAILURES ="), 0) :][:12_000] + done.stderr[-2_000:]


@contextmanager
def _served(service: Service, dsn: str) -> Iterator[tuple[str, str]]:
    settings = service.settings.model_validate({"database_url": dsn})
    port = free_port()
    config = uvicorn.Config(create_app(service, settings), port=port, http="httptools", log_level="error", loop="none", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: uvloop.run(server.serve()), daemon=True)
    key = uvloop.run(_key(dsn))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            threading.Event().wait(0.05)
        yield f"http://127.0.0.1:{port}", key
    finally:
        server.should_exit = True
        thread.join(10)


async def _key(dsn: str) -> str:
    database = await PoolDatabase.connect(dsn, max_size=2)
    async with asyncio.timeout(10), UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="fuzzing", scopes=ALL_SCOPES)
        await uow.commit()
    await database.close()
    return issued.key
