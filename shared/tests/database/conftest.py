"""A service that has nothing but the chassis."""

from pathlib import Path

import pytest

from shared.service import Service
from shared.settings import ServiceSettings


@pytest.fixture(scope="session")
def service() -> Service:
    return Service(
        name="customers",
        title="Chassis only",
        settings=ServiceSettings,
        routers=(),
        handlers={},
        migrations=Path(__file__).parent / "migrations",
    )
