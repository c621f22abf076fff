"""Stands in for a service: its commands write down that they ran, `all` answers /readyz until SIGTERM."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

JOURNAL = Path(os.environ["FAKE_JOURNAL"])


def note(text: str) -> None:
    with JOURNAL.open("a") as journal:
        journal.write(f"{text}\n")


class Handler(BaseHTTPRequestHandler):
    """Ready, always."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


def stop(*_: object) -> None:
    raise SystemExit(0)


def serve(name: str) -> None:
    signal.signal(signal.SIGTERM, stop)
    port = int(os.environ[f"{name.upper()}_HTTP_PORT"])
    print(json.dumps({"event": "listening", "level": "info", "timestamp": "2026-01-01T10:00:00.000000Z", "port": port}), flush=True)
    try:
        ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
    finally:
        note(f"{name} stopped")


def main(name: str) -> None:
    words = " ".join(sys.argv[1:])
    if os.environ.get("FAKE_FAILURE") == f"{name} {words}":
        sys.exit(f"{name} cannot {words}: the disk is on fire")
    note(f"{name} {words}")
    if words == "all":
        serve(name)
