"""Analytics keeps the rules of HTTP that every service keeps, and survives what a fuzzer thinks of."""

import asyncio
from pathlib import Path

import pytest

from shared.service import Service
from shared.testing.conformance import ConformanceSuite
from shared.testing.fuzzing import fuzz


class TestConformance(ConformanceSuite):
    """The rules of the house, for every operation."""


@pytest.mark.long
async def test_schemathesis_finds_nothing(service: Service, committed_dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(fuzz, service, committed_dsn, tmp_path)
