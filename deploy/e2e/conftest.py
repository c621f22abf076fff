"""Suites to test against; each is started once a run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from running_suite import RunningSuite


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuite]:
    """A suite that starts empty: one of our own, or the one whose URLs and key are in the file E2E_ENV_FILE."""
    if env_file := os.environ.get("E2E_ENV_FILE"):
        attached = RunningSuite.attached(Path(env_file))
        yield attached
        attached.close_clients()
        return
    running = RunningSuite.start(tmp_path_factory.mktemp("suite"))
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def demo_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuite]:
    """A suite that loaded the CDNOW history at its first start."""
    running = RunningSuite.start(tmp_path_factory.mktemp("demo"), DEMO="cdnow")
    try:
        yield running
    finally:
        running.stop()
