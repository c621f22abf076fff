"""A server of its own for the tests that stop, kill and break it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.embedded import EmbeddedPostgres, free_port


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the account Postgres runs under may enter; pytest's own are closed to it when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="regulars-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(open_folder / "postgres", free_port(), "p@ss/word", durable=False)
    server.start()
    yield server
    server.destroy()
