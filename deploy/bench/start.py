"""P14: from a fresh clone to a running suite with its demo, the warm start, and the memory of all processes."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from figures import Figure

_ROOT = Path(__file__).parents[2]
_PORT_BASE = "21000"
_TIMEOUT_SECONDS = 900
_MEBIBYTE = 1_048_576


async def measure() -> list[Figure]:
    """Clone, start with the demo, stop, start again; `make up` returns when every service is healthy and the demo is loaded."""
    return await asyncio.to_thread(_measure)


def _measure() -> list[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="first-run-"))
    clone = folder / "regulars"
    environment = {**os.environ, "PORT_BASE": _PORT_BASE, "REGULARS_HOME": str(folder / "home")}
    try:
        began = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{_ROOT}", str(clone)], check=True)
        _make(clone, environment, "up")
        fresh = time.monotonic() - began
        memory = _memory_mebibytes(folder)
        _make(clone, environment, "down")
        warm = _make(clone, environment, "up")
    finally:
        if clone.exists():
            _make(clone, environment, "down")
        shutil.rmtree(folder, ignore_errors=True)
    return [
        Figure("P14", "fresh clone to a running suite with its demo", fresh, "s", "<= 180 s", fresh <= 180),
        Figure("P14", "warm start", warm, "s", "<= 15 s", warm <= 15),
        Figure("P14", "memory of all processes (PSS)", memory, "MiB", "<= 1,200 MiB", memory <= 1_200),
    ]


def _make(clone: Path, environment: dict[str, str], target: str) -> float:
    began = time.monotonic()
    subprocess.run(["make", "--silent", target], cwd=clone, env=environment, check=True, timeout=_TIMEOUT_SECONDS)
    return time.monotonic() - began


def _memory_mebibytes(folder: Path) -> float:
    """Return the proportional set size of every process whose command line or environment names the folder."""
    total = 0
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join(process.cmdline()) or process.environ().get("REGULARS_HOME", "").startswith(str(folder)):
                total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / _MEBIBYTE
