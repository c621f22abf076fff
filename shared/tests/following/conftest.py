"""A service that has nothing but the chassis and what following needs."""

from pathlib import Path

import pytest

from shared.service import Service
from shared.settings import ServiceSettings


@pytest.fixture(scope="session")
def service() -> Service:
    return Service(
        name="feedback",
        title="Follows only",
        settings=ServiceSettings,
        routers=(),
        handlers={},
        migrations=Path(__file__).parent / "migrations",
    )
