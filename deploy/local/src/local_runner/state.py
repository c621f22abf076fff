"""What one runner tells others about itself: that it runs, how far it is, and which processes are its own."""

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from local_runner.credentials import write_privately
from shared.embedded.process import end
from shared.errors import Conflict

Phase = Literal["starting", "ready", "recovering", "stopping", "failed"]

# Start times of one process, read twice, differ by rounding only.
_SAME_START_SECONDS = 1.0
_LEFTOVER_SIGNALS = ((signal.SIGTERM, 5.0),)


class AlreadyRunning(Conflict):
    """A runner works in this home already."""

    code = "already_running"
    title = "This suite runs already; `make status` shows it, `make down` stops it."


@dataclass(frozen=True)
class Child:
    """A process of the suite; its start time tells it from another that gets the same id later."""

    process_id: int
    started_at: float

    @classmethod
    def of(cls, process_id: int) -> "Child | None":
        """Return the child with this process id, None when there is no such process."""
        try:
            return cls(process_id, psutil.Process(process_id).create_time())
        except psutil.NoSuchProcess:
            return None

    def is_alive(self) -> bool:
        """Return whether this very process still runs."""
        try:
            process = psutil.Process(self.process_id)
            same = abs(process.create_time() - self.started_at) < _SAME_START_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass
class State:
    """The state of a runner.

    Attributes:
        runner: its own process.
        phase: how far it is.
        children: its services, by name.
        failure: why it failed, when it did.
        restarts: how often each child was started again.
    """

    runner: Child
    phase: Phase = "starting"
    children: dict[str, Child] = field(default_factory=dict)
    failure: str | None = None
    restarts: dict[str, int] = field(default_factory=dict)

    def write(self, home: Path) -> None:
        """Write the state where `read` finds it."""
        write_privately(home / "state.json", json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, home: Path) -> "State | None":
        """Return the state that a runner of this home last wrote."""
        try:
            content = json.loads((home / "state.json").read_text())
        except FileNotFoundError:
            return None
        children = {name: Child(**child) for name, child in content.pop("children").items()}
        return cls(runner=Child(**content.pop("runner")), children=children, **content)


@contextlib.contextmanager
def only_runner(home: Path) -> Iterator[None]:
    """Hold the home for this process; the system lets go of it when the process ends, however it ends.

    Raises:
        AlreadyRunning: another runner holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "runner.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning from error
        yield


def is_held(home: Path) -> bool:
    """Return whether a runner holds the home."""
    if not (home / "runner.lock").exists():
        return False
    try:
        with only_runner(home):
            return False
    except AlreadyRunning:
        return True


def end_leftovers(home: Path) -> list[str]:
    """End the services of a runner that was killed, where the kernel did not; return their names."""
    state = State.read(home)
    if state is None or state.runner.process_id == os.getpid():
        return []
    leftovers = {name: child for name, child in state.children.items() if child.is_alive()}
    for child in leftovers.values():
        end(child.process_id, _LEFTOVER_SIGNALS)
    return sorted(leftovers)
