"""A whole suite started by its own command, as a user would, and clients of its interfaces."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from local_runner.settings import PORT_OFFSETS
from shared.embedded.ports import free_port_base

T = TypeVar("T")

# The first start makes the database and, with the demo, loads seventy thousand orders.
_START_TIMEOUT_SECONDS = 600
_STOP_TIMEOUT_SECONDS = 120


@dataclass
class RunningSuite:
    """Four services, Postgres and a broker under a folder of their own.

    Attributes:
        home: REGULARS_HOME of the suite.
        port_base: PORT_BASE of the suite.
        variables: what `env` printed: URLs and the server key.
    """

    home: Path
    port_base: int
    variables: dict[str, str]
    environment: dict[str, str]
    clients: list[httpx2.Client] = field(default_factory=list)

    @classmethod
    def start(cls, home: Path, **settings: str) -> "RunningSuite":
        """Start a suite in the background and wait until it is healthy.

        Args:
            home: folder of its state.
            settings: further environment, such as DEMO or BROKER.
        """
        port_base = free_port_base(PORT_OFFSETS)
        environment = {
            **os.environ,
            "REGULARS_HOME": str(home),
            "PORT_BASE": str(port_base),
            "DEMO": "none",
            **settings,
        }
        suite = cls(home, port_base, {}, environment)
        suite.command("up")
        suite.variables = suite.read_variables()
        return suite

    @classmethod
    def attached(cls, env_file: Path) -> "RunningSuite":
        """Return a suite that was started by other means, such as in containers, and that others stop.

        Args:
            env_file: its URLs and server key as shell assignments, as `env` prints them.
        """
        return cls(env_file.parent, 0, _assignments(env_file.read_text()), {})

    def stop(self) -> None:
        """Stop everything in order."""
        self.close_clients()
        self.command("down", timeout_seconds=_STOP_TIMEOUT_SECONDS)

    def command(self, name: str, *, timeout_seconds: float = _START_TIMEOUT_SECONDS) -> str:
        """Run a command of the local runner and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "local_runner", name],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        assert done.returncode == 0, f"{name} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def read_variables(self) -> dict[str, str]:
        """Return the shell assignments that `env` prints."""
        return _assignments(self.command("env", timeout_seconds=60))

    def client(self, service: str, *, token: str | None = None) -> httpx2.Client:
        """Return an HTTP client of a service, with the server key unless another token is given; it is closed with the suite."""
        client = httpx2.Client(
            base_url=self.variables[f"{service.upper()}_URL"],
            headers={"Authorization": f"Bearer {token or self.variables['SERVER_KEY']}"},
            timeout=60,
        )
        self.clients.append(client)
        return client

    def close_clients(self) -> None:
        """Close the clients handed out so far."""
        while self.clients:
            self.clients.pop().close()


def eventually(read: Callable[[], T], accept: Callable[[T], bool], *, within_seconds: float = 60.0) -> T:
    """Read until the value is accepted, and return it.

    Raises:
        AssertionError: it was not within the time; tells the last value.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        value = read()
        if accept(value):
            return value
        assert time.monotonic() < deadline, f"not reached within {within_seconds} s; last: {value!r}"
        time.sleep(0.05)


def answer(response: httpx2.Response, *statuses: int) -> Any:
    """Return the JSON of an answer that has one of the statuses."""
    assert response.status_code in statuses, f"{response.status_code}: {response.text[:2000]}"
    return response.json()


def _assignments(text: str) -> dict[str, str]:
    """Return the shell assignments in a text."""
    return dict(word.split("=", 1) for word in shlex.split(text, comments=True) if "=" in word)
