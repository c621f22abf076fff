"""Customers keeps the rules of HTTP that every service keeps, and survives what a fuzzer thinks of."""

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

    public = frozenset({"jwks_get", "consents_confirm", "preferences_show", "preferences_change"})
    untagged = frozenset(
        {
            *("imports_follow", "imports_errors", "exports_download", "access_exports_archive", "customers_timeline_follow", "jobs_follow"),
            "preferences_show",
        }
    )
    unversioned: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("consents_put", "stages_set"), "adds to a history; what was stays"),
        **dict.fromkeys(("restrictions_put", "restrictions_delete"), "somebody is restricted or not"),
        **dict.fromkeys(("organisations_set", "attribute_settings_set", "consent_purposes_put"), "written whole, whatever was there"),
        **dict.fromkeys(("identities_remove", "segments_remove"), "it is there or not"),
    }


@pytest.mark.long
async def test_schemathesis_finds_nothing(service: Service, committed_dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(fuzz, service, committed_dsn, tmp_path)
