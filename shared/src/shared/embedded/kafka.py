"""Apache Kafka 4 in KRaft mode: one Java process that is broker and controller. Maven fetches the jars."""

import base64
import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path
from string import Template

from shared.embedded.broker import EmbeddedBroker
from shared.embedded.process import EmbeddedServerFailed, spawn, tail

# Holds the pom, the settings and the log format; a checkout has it, an installed wheel does not.
_KIT = Path(__file__).resolve().parents[4] / "deploy" / "kafka"
_FETCH_TIMEOUT_SECONDS = 600.0
_FORMAT_TIMEOUT_SECONDS = 60.0
_JVM_FLAGS = (
    *("-Xms256m", "-Xmx384m", "-XX:MaxMetaspaceSize=128m", "-XX:+ExitOnOutOfMemoryError"),
    *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true"),
)


class KafkaBroker(EmbeddedBroker):
    """An Apache Kafka broker with its data under a folder of its own. Needs Java 17, and Maven the first time.

    Starting it fetches its jars and formats its storage first when need be.

    Args:
        home: folder of data and log; made when absent.
        port: TCP port on 127.0.0.1 for clients; the controller listens on the next one.
        controller_port: another port for the controller.
        kit: folder that holds `pom.xml`, `server.properties` and `log4j2.yaml`.
    """

    name = "kafka"
    profile = "kafka"
    _start_timeout_seconds = 90.0
    _stop_signals = ((signal.SIGTERM, 20.0),)

    def __init__(self, home: Path, port: int, controller_port: int | None = None, kit: Path = _KIT) -> None:
        super().__init__(home, port)
        self.controller_port = controller_port or port + 1
        self._kit = kit

    def _ports(self) -> tuple[int, int]:
        return self.port, self.controller_port

    def _launch(self) -> "subprocess.Popen[bytes]":
        java = [
            _program("java"),
            *_JVM_FLAGS,
            f"-Dlog4j2.configurationFile={self._kit / 'log4j2.yaml'}",
            "-cp",
            f"{fetch_jars(self._kit)}/*",
        ]
        settings = self._write_settings()
        self._format(java, settings)
        return spawn([*java, "kafka.Kafka", settings], folder=self.home, log=self.log)

    def _write_settings(self) -> Path:
        settings = self.home / "server.properties"
        template = Template((self._kit / "server.properties").read_text())
        values = {"port": self.port, "controller_port": self.controller_port, "data": self.home / "data"}
        settings.write_text(template.substitute(values))
        return settings

    def _format(self, java: list[str], settings: Path) -> None:
        if (self.home / "data" / "meta.properties").exists():
            return
        # Joined by "=": one in 64 of these ids begins with a dash, which the tool would otherwise take for another option.
        command = [*java, "kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={new_cluster_id()}", "--config", settings]
        if spawn(command, folder=self.home, log=self.log).wait(_FORMAT_TIMEOUT_SECONDS) != 0:
            raise EmbeddedServerFailed(f"Kafka's storage could not be formatted:\n{tail(self.log)}")


def new_cluster_id() -> str:
    """Return a random id as Kafka's own tool gives them: 22 characters of URL-safe base64."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def fetch_jars(kit: Path = _KIT) -> Path:
    """Return the folder of Kafka's jars; Maven fills it when it is missing or older than the pom.

    Raises:
        EmbeddedServerFailed: there is no Maven, or it failed.
    """
    jars, pom = kit / "target" / "jars", kit / "pom.xml"
    stamp = jars / ".complete"
    if stamp.exists() and stamp.stat().st_mtime >= pom.stat().st_mtime:
        return jars
    shutil.rmtree(jars, ignore_errors=True)
    log = kit / "target" / "maven.log"
    log.parent.mkdir(exist_ok=True)
    command = [_program("mvn"), "--quiet", "--batch-mode", "--file", pom, "dependency:copy-dependencies"]
    if spawn(command, folder=kit, log=log).wait(_FETCH_TIMEOUT_SECONDS) != 0:
        raise EmbeddedServerFailed(f"Maven could not fetch Kafka:\n{tail(log)}")
    stamp.touch()
    return jars


def _program(name: str) -> str:
    home = os.environ.get("JAVA_HOME")
    path = shutil.which(name, path=f"{home}/bin") if home and name == "java" else None
    path = path or shutil.which(name)
    if path is None:
        raise EmbeddedServerFailed(f"Apache Kafka needs `{name}`, which is not installed. The default broker needs neither Java nor Maven.")
    return path
