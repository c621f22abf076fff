"""Suites to test against; each is started once a run."""

from collections.abc import Iterator

import pytest
from running_suite import RunningSuite


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuite]:
    """A suite that starts empty."""
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
