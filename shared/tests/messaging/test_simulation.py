"""The seeded simulation of the plumbing, and the proof that it would notice."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog
from planted_bugs import BUGS

from shared.testing.simulation import Parts, run_seed, silence

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "200"))
# Each bug shows within so many seeds; most within a few.
BUG_SEEDS = 100
_FINGERPRINT = "from shared.testing.simulation import run_seed, silence; silence(); print(run_seed(7)[1])"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    silence()
    yield
    structlog.reset_defaults()


def test_no_promise_is_broken():
    broken = {seed: wrong for seed in range(SEEDS) if (wrong := run_seed(seed)[0])}
    assert broken == {}


def test_a_seed_replays_byte_for_byte():
    """In another process, too, where sets and dictionaries are hashed differently."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", _FINGERPRINT], env={**os.environ, "PYTHONHASHSEED": salt}, capture_output=True, check=True, text=True
        )
        for salt in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != ""


def test_seeds_differ():
    assert run_seed(1)[1] != run_seed(2)[1]


@pytest.mark.parametrize("parts", BUGS.values(), ids=BUGS.keys())
def test_planted_bugs_are_caught(parts: Parts):
    assert any(run_seed(seed, parts)[0] for seed in range(BUG_SEEDS))
