"""The analytics service for the fixtures of the shared plugin."""

import sys
from pathlib import Path

import pytest

from analytics.app import SERVICE
from shared.service import Service

# The modules beside the tests: a recomputation in plain Python, and how events are sent to the handlers.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE
