"""Loyalty keeps the rules of HTTP that every service keeps, and survives what a fuzzer thinks of."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from shared.service import Service
from shared.testing.conformance import ConformanceSuite
from shared.testing.fuzzing import fuzz


class TestConformance(ConformanceSuite):
    """The rules of the house, for every operation."""

    untagged = frozenset({"cards_get_svg", "cards_get_png", "cards_get_apple_pass", "statements_get_pdf", "jobs_follow"})
    unversioned: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("expiry_policies_set", "point_values_set"), "adds one from a moment on; what was stays"),
        **dict.fromkeys(("participations_join", "participations_leave", "households_leave"), "somebody takes part or does not"),
        **dict.fromkeys(("partners_bind_key", "partners_unbind_key"), "a key posts for a partner or does not"),
        "members_take_badge": "he has it or does not",
        "cards_issue": "makes the card once; asked again it is the same",
    }


@pytest.mark.long
async def test_schemathesis_finds_nothing(service: Service, committed_dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(fuzz, service, committed_dsn, tmp_path)
