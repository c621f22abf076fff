"""One service as a child process: started, watched, started again when it dies, stopped."""

import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from local_runner.environment import service_command
from shared.embedded.process import EmbeddedServerFailed, end, spawn, tail

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
# A service that ran this long was healthy; its next death counts as its first.
_STABLE_SECONDS = 60.0
# Longer than the services' own time to finish what is under way.
_STOP_SECONDS = 20.0
_READY_TIMEOUT_SECONDS = 60.0
_LOG_LIMIT_BYTES = 20_000_000
_PROBE_TIMEOUT_SECONDS = 2.0
_KEY_TIMEOUT_SECONDS = 20.0
# Cheap reads that need the server key.
_ROUTES_WITH_KEY = {
    "customers": "/v1/api-keys",
    "feedback": "/v1/responses?limit=1",
    "loyalty": "/v1/programmes",
    "analytics": "/v1/metrics",
}


class Backoff:
    """How long to wait before the next start: twice as long each time, up to half a minute."""

    def __init__(self) -> None:
        self._deaths = 0

    def pause_seconds(self, ran_seconds: float) -> float:
        """Return the pause after a death.

        Args:
            ran_seconds: how long the process ran before it died.
        """
        self._deaths = 1 if ran_seconds >= _STABLE_SECONDS else self._deaths + 1
        return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (self._deaths - 1))


class ServiceProcess:
    """A service and its log.

    Args:
        name: of the service, which is its Python package too.
        url: base URL of its HTTP interface.
        environment: whole environment of its processes.
        folder: working folder.
        log: file of its output.
    """

    def __init__(self, name: str, url: str, environment: dict[str, str], folder: Path, log: Path) -> None:
        self.name = name
        self.url = url
        self.log = log
        self.restarts = 0
        self._environment = environment
        self._folder = folder
        self._backoff = Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at: float | None = None

    @property
    def process_id(self) -> int | None:
        """Process id, None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        """Start one of the service's commands, such as `migrate`; its output goes to the service's log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        return spawn(service_command(self.name, *words), folder=self._folder, log=self.log, environment=self._environment)

    def start(self) -> None:
        """Start the service."""
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self._process = self.command("all")
        self._started_at, self._start_at = time.monotonic(), None

    def watch(self) -> str | None:
        """Start the service again when it died and its pause is over; return a sentence when something happened."""
        if self._process is None or self._process.poll() is None:
            return None
        now = time.monotonic()
        if self._start_at is None:
            pause = self._backoff.pause_seconds(now - self._started_at)
            self._start_at = now + pause
            return f"{self.name} ended with code {self._process.returncode}; it starts again in {pause:g} s"
        if now < self._start_at:
            return None
        self.restarts += 1
        self.start()
        return f"{self.name} starts again"

    def ask_to_stop(self) -> None:
        """Ask the service to finish what is under way; `stop` waits for it."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Stop the service."""
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                end(self._process.pid, ())
            self._process = None

    def hurry(self) -> None:
        """Kill the service."""
        if self._process and self._process.poll() is None:
            self._process.kill()

    def failure(self) -> str:
        """Return what to tell when it does not work: the end of its log."""
        return f"{self.name} failed; the end of {self.log}:\n{tail(self.log)}"


def is_ready(url: str) -> bool:
    """Return whether the service says that it is ready."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=_PROBE_TIMEOUT_SECONDS) as answer:  # noqa: S310 - our own http URL
            return answer.status == HTTPStatus.OK
    except (urllib.error.URLError, OSError, ValueError):
        return False


def wait_ready(services: Sequence[ServiceProcess]) -> None:
    """Wait until every service is ready.

    Raises:
        EmbeddedServerFailed: one ended, or was not ready in time; the detail ends with the tail of its log.
    """
    deadline = time.monotonic() + _READY_TIMEOUT_SECONDS
    waiting = list(services)
    while waiting:
        for service in waiting:
            if service.process_id is None or time.monotonic() > deadline:
                raise EmbeddedServerFailed(service.failure())
        waiting = [service for service in waiting if not is_ready(service.url)]
        time.sleep(0.05)


def wait_for_key(services: Sequence[ServiceProcess], key: str) -> list[str]:
    """Wait until every service has heard of the server key, which comes to them as an event; return the names of those who have not."""
    deadline = time.monotonic() + _KEY_TIMEOUT_SECONDS
    waiting = list(services)
    while waiting and time.monotonic() < deadline:
        waiting = [service for service in waiting if not _knows_key(service, key)]
        time.sleep(0.05)
    return [service.name for service in waiting]


def _knows_key(service: ServiceProcess, key: str) -> bool:
    url = service.url + _ROUTES_WITH_KEY.get(service.name, "/v1")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - our own http URL
    try:
        with urllib.request.urlopen(request, timeout=_PROBE_TIMEOUT_SECONDS):  # noqa: S310 - as above
            return True
    except urllib.error.HTTPError as error:
        return error.code != HTTPStatus.UNAUTHORIZED
    except OSError:
        return False


def run_for_all(services: Sequence[ServiceProcess], *words: str, timeout_seconds: float) -> None:
    """Run one command of every service, side by side.

    Raises:
        EmbeddedServerFailed: one failed, or did not end in time.
    """
    running = [(service, service.command(*words)) for service in services]
    deadline = time.monotonic() + timeout_seconds
    try:
        for service, process in running:
            if process.wait(max(0.0, deadline - time.monotonic())) != 0:
                raise EmbeddedServerFailed(service.failure())
    except subprocess.TimeoutExpired as error:
        raise EmbeddedServerFailed(f"`{' '.join(words)}` took longer than {timeout_seconds:g} s.") from error
    finally:
        for _, process in running:
            end(process.pid, ((signal.SIGTERM, 5.0),))
