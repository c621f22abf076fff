"""What the suite needs of a machine, looked at before it is missed."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from rich.console import Console

from local_runner.settings import Settings
from local_runner.state import is_held
from shared.embedded.ports import is_listening
from shared.embedded.postgres import wheel_binaries
from shared.embedded.process import EmbeddedServerFailed, unprivileged_account

Verdict = Literal["ok", "note", "bad"]

_MARKS = {"ok": "[green]ok  ", "note": "[yellow]note", "bad": "[red]bad "}
_GIBIBYTE = 1 << 30
_MEMORY_GIBIBYTES = 1.5
_DISK_GIBIBYTES = 2.0
_OPEN_FILES = 1_024
_OLDEST_PYTHON = (3, 11)
_OLDEST_JAVA = 17
_PROGRAM_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        verdict: bad when the suite cannot run like this.
        subject: what was looked at.
        text: what was found, and what to do about it.
    """

    verdict: Verdict
    subject: str
    text: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what was found, one finding a subject."""
    yield _python()
    yield from _ports(settings)
    yield _memory()
    yield _disk(settings.home)
    yield _postgres(settings)
    yield _java(settings)
    yield _locale()
    yield _open_files()
    yield _account()


def print_findings(console: Console, settings: Settings) -> bool:
    """Print the findings; return whether the suite can run."""
    findings = list(examine(settings))
    for finding in findings:
        console.print(f"{_MARKS[finding.verdict]}[/] {finding.subject:<12} {finding.text}", highlight=False, soft_wrap=True)
    return all(finding.verdict != "bad" for finding in findings)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "ok" if sys.version_info >= _OLDEST_PYTHON else "bad", "Python", f"{version} ({sys.executable}); 3.11 or later is needed"
    )


def _ports(settings: Settings) -> Iterator[Finding]:
    if is_held(settings.home):
        yield Finding("ok", "Ports", f"the suite in {settings.home} runs and has them")
        return
    taken = {name: port for name, port in settings.ports().items() if is_listening(port)}
    for name, port in taken.items():
        yield Finding("bad", "Ports", f"{port} for {name} is taken; choose others with PORT_BASE={settings.port_base + 1000}")
    if not taken:
        yield Finding("ok", "Ports", ", ".join(f"{name} {port}" for name, port in settings.ports().items()))


def _memory() -> Finding:
    available = psutil.virtual_memory().available / _GIBIBYTE
    return Finding("ok" if available >= _MEMORY_GIBIBYTES else "note", "Memory", f"{available:.1f} GiB free; about 1.5 are used")


def _disk(home: Path) -> Finding:
    folder = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(folder).free / _GIBIBYTE
    if not os.access(folder, os.W_OK):
        return Finding("bad", "Disk", f"{folder} cannot be written; name another folder with REGULARS_HOME")
    return Finding(
        "ok" if free >= _DISK_GIBIBYTES else "note", "Disk", f"{free:.1f} GiB free in {folder}; the suite with its history takes about 1"
    )


def _postgres(settings: Settings) -> Finding:
    if settings.database_url is not None:
        return Finding("ok", "Postgres", "the server that DATABASE_URL names")
    try:
        program = (settings.postgres_binaries or wheel_binaries()) / "postgres"
        version = _output([str(program), "--version"])
    except (EmbeddedServerFailed, OSError, subprocess.SubprocessError) as error:
        return Finding("bad", "Postgres", f"its program does not run ({error}); set PG_BIN or DATABASE_URL")
    return Finding("ok", "Postgres", f"{version} from {program.parent}")


def _java(settings: Settings) -> Finding:
    if settings.kafka_bootstrap_servers is not None:
        return Finding("ok", "Broker", f"the cluster at {settings.kafka_bootstrap_servers}")
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if settings.broker == "tansu":
        return Finding(
            "ok",
            "Broker",
            "Tansu from its wheel; Apache Kafka " + (f"would need {' and '.join(missing)}" if missing else "is possible too"),
        )
    if missing:
        return Finding("bad", "Broker", f"BROKER=kafka needs {' and '.join(missing)}")
    version = _java_version()
    return Finding(
        "ok" if version >= _OLDEST_JAVA else "bad", "Broker", f"Apache Kafka with Java {version}; {_OLDEST_JAVA} or later is needed"
    )


def _java_version() -> int:
    words = _output(["java", "-version"]).split('"')
    major = words[1].split(".")[0] if len(words) > 1 else ""
    return int(major) if major.isdigit() else 0


def _locale() -> Finding:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return Finding(
        "ok" if encoding == "utf8" else "note", "Locale", f"output is {sys.stdout.encoding}; LC_ALL=C.UTF-8 shows names as they are"
    )


def _open_files() -> Finding:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Finding("ok" if limit >= _OPEN_FILES else "note", "Open files", f"at most {limit}; {_OPEN_FILES} are recommended (ulimit -n)")


def _account() -> Finding:
    try:
        account = unprivileged_account()
    except EmbeddedServerFailed as error:
        return Finding("bad", "Account", str(error))
    if account is None:
        return Finding("ok", "Account", "an ordinary one")
    return Finding("ok", "Account", f"root; Postgres runs as user {account.user_id}")


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PROGRAM_TIMEOUT_SECONDS)
    return (done.stdout or done.stderr).strip().splitlines()[0]
