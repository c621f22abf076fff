"""Feedback keeps the rules of HTTP that every service keeps, and survives what a fuzzer thinks of."""

import asyncio
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from shared.clock import FrozenClock
from shared.database.pool import Database
from shared.service import Service
from shared.testing.conformance import ConformanceSuite, Operation
from shared.testing.fuzzing import fuzz

# Whom an answer is for stands in its body: test_responses.py shows that a member answers for himself only.
_OWNER_IN_BODY = {"responses_create"}


class TestConformance(ConformanceSuite):
    """The rules of the house, for every operation."""

    async def test_members_see_nobody_else(
        self, operations: list[Operation], anybody: AsyncClient, database: Database, clock: FrozenClock
    ) -> None:
        """As the suite has it, but for the operation whose body names the customer."""
        others = [operation for operation in operations if operation.id not in _OWNER_IN_BODY]
        assert len(operations) - len(others) == len(_OWNER_IN_BODY)
        await super().test_members_see_nobody_else(others, anybody, database, clock)


@pytest.mark.long
async def test_schemathesis_finds_nothing(service: Service, committed_dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(fuzz, service, committed_dsn, tmp_path)
