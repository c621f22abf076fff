"""The tree keeps the house rules, and each rule has samples that prove that it bites, and that it does not bite the innocent."""

from pathlib import Path

import pytest

from shared.testing.house_lints import MAX_FILE_LINES, MAX_FUNCTION_LINES, RULES, check_source, check_tree, main

SLICE = "services/loyalty/src/loyalty/ledger/service.py"
PURE = "services/loyalty/src/loyalty/ledger/rules.py"
CONTRACT = "shared/src/shared/contracts/loyalty.py"
CHASSIS = "shared/src/shared/messaging/relay.py"

GUILTY = [
    ("edge_commits", SLICE, "async def redeem(uow):\n    await uow.commit()"),
    ("edge_commits", SLICE, "async def redeem(self):\n    await self.connection.transaction().rollback()"),
    ("one_clock", SLICE, "from datetime import UTC, datetime\nnow = datetime.now(UTC)"),
    ("one_clock", CHASSIS, "import datetime\nnow = datetime.datetime.utcnow()"),
    ("one_clock", CHASSIS, "import datetime as dt\ntoday = dt.date.today()"),
    ("one_clock", CHASSIS, "import time\nnow = time.time()"),
    ("one_clock", CHASSIS, "from time import time"),
    ("domain_speaks_no_http", SLICE, "from fastapi import HTTPException"),
    ("domain_speaks_no_http", CHASSIS, "import fastapi\nraise fastapi.HTTPException(404)"),
    ("routes_commit", "services/loyalty/src/loyalty/ledger/router.py", "from fastapi import APIRouter, Query"),
    ("logs_hold_no_data", CHASSIS, "log.info('received', payload=record.value)"),
    ("logs_hold_no_data", CHASSIS, "_log.warning('refused', body=1)"),
    ("logs_hold_no_data", SLICE, "logger.info(f'hello {customer.email}')"),
    ("logs_hold_no_data", SLICE, "self._logger.bind(who=token)"),
    ("rules_are_pure", PURE, "from sqlalchemy import select"),
    ("rules_are_pure", PURE, "import asyncpg"),
    ("rules_are_pure", PURE, "from fastapi import Depends"),
    ("rules_are_pure", PURE, "from aiokafka.errors import KafkaError"),
    ("rules_are_pure", PURE, "from shared.clock import Clock"),
    ("rules_are_pure", PURE, "from shared.database import pool"),
    ("rules_are_pure", PURE, "async def tier():\n    ..."),
    ("contracts_stand_alone", CONTRACT, "from shared.errors import Invalid"),
    ("contracts_stand_alone", CONTRACT, "import orjson"),
    ("services_are_strangers", SLICE, "from customers.orders import rules"),
    ("services_are_strangers", CHASSIS, "import loyalty.handlers"),
    (
        "what_is_taken_is_taken_once",
        SLICE,
        'TAKE = "UPDATE codes SET owner = $1 WHERE code IN (SELECT code FROM codes WHERE at < coalesce($2, now()) LIMIT 1 SKIP LOCKED)"',
    ),
    ("functions_fit_a_screen", CHASSIS, "def long():\n" + "    x = 1\n" * MAX_FUNCTION_LINES),
    ("functions_fit_a_screen", CHASSIS, "x = 1\n" * (MAX_FILE_LINES + 1)),
]

INNOCENT = [
    (
        "what_is_taken_is_taken_once",
        SLICE,
        'TAKE = "UPDATE codes SET owner = $1 WHERE code = ANY (ARRAY(SELECT code FROM codes LIMIT 1 FOR UPDATE SKIP LOCKED))"',
    ),
    ("edge_commits", "shared/src/shared/http/unit.py", "async def end(uow):\n    await uow.commit()"),
    ("edge_commits", SLICE, "async def redeem(self):\n    self.commitments.append(1)"),
    ("one_clock", "shared/src/shared/clock.py", "from datetime import UTC, datetime\nnow = datetime.now(UTC)"),
    ("one_clock", SLICE, "now = self.clock.now()"),
    ("one_clock", CHASSIS, "import time\nstarted = time.monotonic()"),
    ("domain_speaks_no_http", "shared/src/shared/http/problem_handlers.py", "from starlette.exceptions import HTTPException"),
    ("routes_commit", SLICE, "from shared.http import APIRouter"),
    ("logs_hold_no_data", CHASSIS, "_log.warning('refused', type=event.type, error=type(error).__name__)"),
    ("logs_hold_no_data", SLICE, "catalog.info(body)"),
    ("rules_are_pure", PURE, "from fractions import Fraction\nfrom shared.errors import Invalid"),
    ("rules_are_pure", SLICE, "async def redeem():\n    ..."),
    ("contracts_stand_alone", CONTRACT, "import re\nfrom pydantic import Field\nfrom shared.contracts.base import Event"),
    ("services_are_strangers", SLICE, "from loyalty.ledger import rules\nfrom shared.contracts import customers"),
    ("functions_fit_a_screen", CHASSIS, "def fits():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES - 1)),
]


def broken(path: str, source: str) -> set[str]:
    return {breach.rule for breach in check_source(path, source)}


def test_the_tree_keeps_the_rules() -> None:
    assert [str(breach) for breach in check_tree()] == []


@pytest.mark.parametrize(("rule", "path", "source"), GUILTY)
def test_each_rule_bites(rule: str, path: str, source: str) -> None:
    assert broken(path, source) == {rule}


@pytest.mark.parametrize(("rule", "path", "source"), INNOCENT)
def test_no_rule_bites_the_innocent(rule: str, path: str, source: str) -> None:
    assert rule not in broken(path, source)


def test_each_rule_has_both_samples_and_says_why_it_is() -> None:
    names = {rule.__name__ for rule in RULES}
    assert {rule for rule, _, _ in GUILTY} == {rule for rule, _, _ in INNOCENT} == names
    assert all(rule.__doc__ for rule in RULES)


def test_the_command_names_place_and_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / SLICE
    file.parent.mkdir(parents=True)
    file.write_text("async def redeem(uow):\n    await uow.commit()\n")
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith(f"{SLICE}:2: edge_commits: ")
    file.write_text("")
    assert main([str(tmp_path)]) == 0
