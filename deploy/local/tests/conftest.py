"""Suites of fake services, each stopped and deleted after its test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_suite import Suite, make_suite


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Suite]:
    suite = make_suite(tmp_path / "suite")
    yield suite
    suite.command("reset")


@pytest.fixture
def running(suite: Suite) -> Suite:
    done = suite.command("up")
    assert done.returncode == 0, done.stdout + done.stderr
    return suite


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A running suite for tests that leave it running."""
    suite = make_suite(tmp_path_factory.mktemp("lasting"))
    done = suite.command("up")
    assert done.returncode == 0, done.stdout + done.stderr
    yield suite
    suite.command("reset")
