"""The service under test."""

import pytest

from customers.app import SERVICE
from shared.service import Service


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE
