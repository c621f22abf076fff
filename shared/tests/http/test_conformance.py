import asyncio
from dataclasses import replace
from pathlib import Path

from shared.service import Service
from shared.testing.conformance import ConformanceSuite
from shared.testing.fuzzing import fuzz


class TestConformance(ConformanceSuite):
    """The sample service keeps the rules."""


async def test_schemathesis_finds_nothing(service: Service, committed_dsn: str, tmp_path: Path) -> None:
    # The routes that go wrong on purpose stay outside.
    service = replace(service, routers=service.routers[:1])
    await asyncio.to_thread(fuzz, service, committed_dsn, tmp_path)
