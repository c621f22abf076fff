"""Run in the foreground, up and down in the background, status, reset."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import psutil
from rich.console import Console

from local_runner.credentials import Credentials, make_credentials, read_credentials
from local_runner.log_view import LogView
from local_runner.report import print_addresses, print_status
from local_runner.settings import Settings
from local_runner.state import State, end_leftovers, is_held, only_runner
from local_runner.supervisor import Supervisor, embedded_postgres
from shared.embedded.process import EmbeddedServerFailed, end, tail

_WATCH_PAUSE_SECONDS = 0.2
_WATCHES_A_LOOK = 5
_UP_TIMEOUT_SECONDS = 1_800.0
# Longer than the services, the broker and Postgres together may take.
_DOWN_SIGNALS = ((signal.SIGTERM, 90.0),)
_NOT_RUNNING = 3
_FOLDERS = ("postgres", "tansu", "kafka", "logs")
_FILES = ("secrets.json", "signing-key.pem", "state.json", "demo.json", "last-broker", "runner.log", "runner.lock")


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM; not an error, so that no handler of errors swallows it."""


def run(settings: Settings, console: Console, *, background: bool = False) -> int:
    """Start the suite, keep it running until Ctrl-C or SIGTERM, stop it; return the exit status."""
    with only_runner(settings.home):
        end_leftovers(settings.home)
        fresh = read_credentials(settings.home) is None
        credentials = make_credentials(settings.home, settings.services)
        console.print(f"[bold]Regulars[/] in {settings.home}", highlight=False)
        supervisor = Supervisor(settings, credentials, console, fresh=fresh)
        _stop_on_signals(supervisor.hurry)
        try:
            supervisor.start()
            if not background:
                _load_demo_at_first_start(settings)
                print_addresses(console, settings, credentials)
                console.print("Ctrl-C stops everything.\n", style="dim")
            _watch(supervisor, console, show_logs=not background)
        except StopRequested:
            console.print("\nStopping", style="bold")
            return 0
        except EmbeddedServerFailed as error:
            supervisor.state.failure = str(error)
            console.print(f"\n{error}", style="red", highlight=False, markup=False, soft_wrap=True)
            return 1
        finally:
            supervisor.stop()
            supervisor.state.phase = "failed" if supervisor.state.failure else "stopping"
            supervisor.state.write(settings.home)


def up(settings: Settings, console: Console) -> int:
    """Start the suite in the background and wait until it is ready; return the exit status."""
    if not is_held(settings.home):
        if not _start_runner(settings, console):
            return 1
        _load_demo_at_first_start(settings)
    credentials = _known_credentials(settings)
    print_addresses(console, settings, credentials)
    return 0


def down(settings: Settings, console: Console) -> int:
    """Stop a suite that runs in the background, and what a killed one left; return the exit status."""
    state = State.read(settings.home)
    if state is not None and is_held(settings.home):
        end(state.runner.process_id, _DOWN_SIGNALS)
    leftovers = end_leftovers(settings.home)
    stopped = state is not None
    console.print(
        f"Stopped; also ended: {', '.join(leftovers)}." if leftovers else ("Stopped." if stopped else "Nothing runs."), highlight=False
    )
    return 0


def status(settings: Settings, console: Console) -> int:
    """Print how the suite is; return 0 when all is well, 3 when it does not run."""
    state = State.read(settings.home)
    if state is None or not is_held(settings.home):
        console.print(f"Nothing runs in {settings.home}; `make run` or `make up` starts it.", highlight=False)
        return _NOT_RUNNING
    return 0 if print_status(console, settings, state) else 1


def reset(settings: Settings, console: Console) -> int:
    """Stop the suite and delete all it kept; return the exit status."""
    down(settings, console)
    credentials = read_credentials(settings.home)
    if credentials is None:
        console.print(f"There is nothing of a suite in {settings.home}.", highlight=False)
        return 0
    if settings.database_url is not None:
        console.print("The database that DATABASE_URL names is left as it is; drop it yourself.", style="yellow")
    postgres = embedded_postgres(settings, credentials)
    if postgres is not None:
        postgres.destroy()
    for name in _FOLDERS:
        shutil.rmtree(settings.home / name, ignore_errors=True)
    for name in _FILES:
        (settings.home / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        settings.home.rmdir()
    console.print(f"Deleted all data in {settings.home}.", highlight=False)
    return 0


def _stop_on_signals(hurry: Callable[[], None]) -> None:
    """Make the first signal stop the suite in order, and any other one hasten it."""
    received = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal received
        received += 1
        if received == 1:
            raise StopRequested
        hurry()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def _watch(supervisor: Supervisor, console: Console, *, show_logs: bool) -> NoReturn:
    view = LogView(console, [(service.name, service.log) for service in supervisor.services] if show_logs else [])
    while True:
        supervisor.watch()
        for _ in range(_WATCHES_A_LOOK):
            view.show_new()
            time.sleep(_WATCH_PAUSE_SECONDS)


def _load_demo_at_first_start(settings: Settings) -> None:
    """Load the demo data in a process of its own, which Ctrl-C in the terminal reaches too."""
    marker = settings.home / "demo.json"
    if marker.exists():
        return
    if settings.demo == "none":
        marker.write_text('{"demo": "none"}')
        return
    command = [sys.executable, "-m", "local_runner", "demo"]
    environment = os.environ | {"REGULARS_HOME": str(settings.home), "PORT_BASE": str(settings.port_base)}
    if subprocess.run(command, env=environment, check=False).returncode != 0:
        raise EmbeddedServerFailed("The demo data could not be loaded; `DEMO=none` starts without it.")


def _start_runner(settings: Settings, console: Console) -> bool:
    """Start a runner in the background and show what it says until it is ready or has failed."""
    log = settings.home / "runner.log"
    settings.home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local_runner", "run", "--background"]
    with log.open("wb") as output:
        runner = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    view = LogView(console, [("", log)])
    deadline = time.monotonic() + _UP_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        ended = runner.poll() is not None
        state = State.read(settings.home)
        view.show_new()
        if ended:
            return False
        if state is not None and state.runner.process_id == runner.pid and state.phase == "ready":
            return True
        time.sleep(_WATCH_PAUSE_SECONDS)
    with contextlib.suppress(psutil.NoSuchProcess):
        end(runner.pid, _DOWN_SIGNALS)
    console.print(tail(log), highlight=False, markup=False, soft_wrap=True)
    return False


def _known_credentials(settings: Settings) -> Credentials:
    credentials = read_credentials(settings.home)
    if credentials is None:
        raise EmbeddedServerFailed(f"There is no suite in {settings.home}.")
    return credentials
