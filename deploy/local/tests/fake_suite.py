"""A suite of fake services on a real Postgres and a real broker, driven by its command as a user would."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_runner.settings import PORT_OFFSETS
from local_runner.state import State
from shared.embedded.ports import free_port_base

_TIMEOUT_SECONDS = 90


@dataclass
class Suite:
    """A home with ports of its own."""

    home: Path
    port_base: int
    environment: dict[str, str]

    def command(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "local_runner", *words],
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )

    def foreground(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "local_runner", "run"], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    @property
    def state(self) -> State:
        state = State.read(self.home)
        assert state is not None
        return state

    @property
    def journal(self) -> list[str]:
        return (self.home.parent / "journal").read_text().splitlines()


def eventually(true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


def make_suite(folder: Path) -> Suite:
    folder.mkdir(exist_ok=True)
    port_base = free_port_base(PORT_OFFSETS)
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parent / "fake_services"),
        "FAKE_JOURNAL": str(folder / "journal"),
        "REGULARS_HOME": str(folder / "home"),
        "PORT_BASE": str(port_base),
        "DEMO": "none",
        "COLUMNS": "200",
    }
    return Suite(folder / "home", port_base, environment)
