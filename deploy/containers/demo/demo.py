"""Loads the CDNOW history into the services of docker-compose.yml, as `make demo` does into those of the local runner. Reads SERVER_KEY."""

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from local_runner.credentials import write_privately
from local_runner.demo import load_demo
from local_runner.settings import Settings

_PORT = 8000


@dataclass(frozen=True)
class ContainerSettings(Settings):
    """The suite whose services are reached by their names."""

    def service_url(self, service: str) -> str:
        """Return the base URL of a service."""
        return f"http://{service}:{_PORT}"


def main() -> int:
    """Load the history; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        known = {"superuser_password": "", "service_passwords": {}, "server_key": os.environ["SERVER_KEY"]}
        write_privately(home / "secrets.json", json.dumps(known).encode())
        return load_demo(ContainerSettings(port_base=_PORT, home=home), Console(width=120))


if __name__ == "__main__":
    sys.exit(main())
