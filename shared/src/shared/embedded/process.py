"""Child processes that do not outlive their parent, and the account they run under."""

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from shared.errors import Unavailable

_LAUNCH = Path(__file__).with_name("launch.py")
_LOG_TAIL_LINES = 25


class EmbeddedServerFailed(Unavailable):
    """A child process did not start; the detail ends with the tail of its log."""

    code = "embedded_server_failed"
    title = "A server that belongs to this suite did not start."


@dataclass(frozen=True)
class Account:
    """A user of the operating system."""

    user_id: int
    group_id: int


def unprivileged_account() -> Account | None:
    """Return the account to drop to when we are root, or None when we are an ordinary user.

    Postgres refuses to run as root, and initdb refuses a user id that has no entry in the password database.

    Raises:
        EmbeddedServerFailed: we are root and the machine has no such account.
    """
    if os.geteuid() != 0:
        return None
    for name in ("nobody", "daemon"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerFailed("Running as root needs an account `nobody` or `daemon` to run Postgres under.")


def is_reachable(path: Path) -> bool:
    """Return whether every account may enter the folder and all folders above it."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.resolve().parents))


def spawn(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C in the terminal reaches only us, its supervisor.

    Args:
        arguments: program and its arguments.
        folder: working folder.
        log: file that its output is appended to.
        environment: the whole environment; ours when None.
        account: account to run under; ours when None.
        death_signal: what the kernel sends to the child when we die without stopping it. Linux only, and only for children started from
            the main thread: the kernel watches the thread, not the process.
    """
    number = death_signal if threading.current_thread() is threading.main_thread() else 0
    user_id, group_id = (account.user_id, account.group_id) if account else (-1, -1)
    preamble = [sys.executable, "-I", "-S", _LAUNCH, *map(str, (os.getpid(), int(number), user_id, group_id))]
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - programs and arguments are ours
            [*preamble, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(name: str, ready: Callable[[], bool], process: subprocess.Popen[bytes], *, log: Path, timeout_seconds: float) -> None:
    """Wait until the child, called by its name in errors, is ready.

    Raises:
        EmbeddedServerFailed: it ended or the time is up; the child is killed.
    """
    deadline = time.monotonic() + timeout_seconds
    while not ready():
        code = process.poll()
        if code is not None:
            raise EmbeddedServerFailed(f"{name} ended with code {code}:\n{tail(log)}")
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise EmbeddedServerFailed(f"{name} was not ready after {timeout_seconds:g} s:\n{tail(log)}")
        time.sleep(0.01)


def end(process_id: int, signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and wait its number of seconds for the process to end; kill it when none helps."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(process_id)
        for number, timeout_seconds in signals:
            process.send_signal(number)
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(timeout_seconds)
                return
        process.kill()
        process.wait(5)


def tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """Return the last lines of a log, empty when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
