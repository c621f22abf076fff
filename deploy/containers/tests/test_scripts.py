"""The scripts that run in and around the containers."""

import http.server
import os
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import pytest

STRONG = "a-long-password-of-the-test"


@pytest.fixture
def folder(root) -> Path:
    return root / "deploy" / "containers"


class Ready(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


class Unready(Ready):
    status = 503


@pytest.mark.parametrize(("handler", "expected"), [(Ready, 0), (Unready, 1)])
def test_health_is_what_the_service_answers(folder, handler, expected):
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            assert health(folder, server.server_port).returncode == expected
        finally:
            server.shutdown()


def test_health_of_a_service_that_does_not_listen(folder):
    with http.server.HTTPServer(("127.0.0.1", 0), Ready) as server:
        port = server.server_port
    done = health(folder, port)
    assert done.returncode == 1
    assert "not ready" in done.stderr


def health(folder: Path, port: int):
    environment = {"SERVICE": "loyalty", "LOYALTY_HTTP_PORT": str(port)}
    return subprocess.run([sys.executable, folder / "health.py"], env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("weak", ["", "postgres", "change-me", "has space in it and is long", "a/b@c:d?e#f-and-more-of-it"])
def test_weak_passwords_are_refused_before_anything_changes(folder, monkeypatch, weak):
    prepare = runpy.run_path(str(folder / "prepare.py"))
    monkeypatch.setenv("CUSTOMERS_DATABASE_PASSWORD", STRONG)
    monkeypatch.setenv("LOYALTY_DATABASE_PASSWORD", weak)
    with pytest.raises(SystemExit, match="LOYALTY_DATABASE_PASSWORD") as refusal:
        prepare["main"](["roles"])
    assert "CUSTOMERS" not in str(refusal.value)


def test_strong_passwords_are_accepted(folder, monkeypatch):
    monkeypatch.setenv("LOYALTY_DATABASE_PASSWORD", STRONG)
    runpy.run_path(str(folder / "prepare.py"))["refuse_weak_passwords"]()


def test_make_env_writes_all_secrets_once_for_its_owner_only(folder, root, compose, tmp_path):
    path = tmp_path / ".env"
    command = [sys.executable, folder / "make_env", path]
    assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    values = dict(line.split("=", 1) for line in path.read_text().splitlines())
    assert compose("config", "--quiet", variables=values).returncode == 0
    assert runpy.run_path(str(root / "shared/src/shared/http/api_keys.py"))["parse_key"](values["SERVER_KEY"])
    strong = runpy.run_path(str(folder / "prepare.py"))["_STRONG"]
    assert all(strong.fullmatch(value) for name, value in values.items() if name.endswith("_PASSWORD"))

    before = path.read_text()
    again = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert again.returncode != 0
    assert "exists already" in again.stderr
    assert path.read_text() == before


def test_scripts_are_executable_and_parse(folder):
    scripts = [path for path in folder.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!/bin/")]
    assert {"install", "entrypoint", "check"} <= {path.name for path in scripts}
    for path in scripts:
        assert os.access(path, os.X_OK)
        shell = "bash" if b"bash" in path.read_bytes().splitlines()[0] else "sh"
        assert subprocess.run([shell, "-n", path], timeout=30, check=False).returncode == 0
