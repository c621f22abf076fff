"""What feedback promises: its OpenAPI document, its events, its migrations and its documentation are what the code says."""

import asyncio
import json
from pathlib import Path

import asyncpg
from jsonschema import Draft202012Validator

from feedback.app import SERVICE
from shared.cli import settings_table
from shared.contracts.generate import HOME
from shared.database import alembic_env
from shared.http import openapi_document

ROOT = Path(__file__).parents[1]


def test_the_openapi_document_is_up_to_date():
    assert json.loads((ROOT / "openapi.json").read_text()) == openapi_document(SERVICE), "run `python -m feedback openapi`"


def test_the_readme_lists_the_settings():
    assert settings_table(SERVICE) in (ROOT / "README.md").read_text(), "run `python -m feedback settings`"


def test_the_readme_lists_what_is_heard():
    text = (ROOT / "README.md").read_text()
    assert [event.type for event in SERVICE.handlers if f"`{event.type}`" not in text] == []


async def test_what_is_sent_fits_the_published_schema(client, database):
    schema = json.loads((HOME / "schemas" / "regulars.feedback.response_recorded.v1.json").read_text())
    await client.post("/v1/responses", json={"question": "nps", "score": 0})
    await client.post("/v1/responses", json={"question": "nps", "score": 9, "channel": "app", "comment": "Thanks"})
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT payload FROM event_log WHERE aggregatetype = 'response'")
    assert len(rows) == 2
    for row in rows:
        Draft202012Validator(schema).validate(json.loads(row["payload"]))


async def _tables(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'feedback'")
    finally:
        await connection.close()
    return {row["tablename"] for row in rows} - {"alembic_version"}


async def test_the_migrations_go_up_check_down_and_up(committed_dsn):
    await asyncio.to_thread(alembic_env.check, SERVICE.migrations, committed_dsn)
    before = await _tables(committed_dsn)
    assert {"responses", "nps_days", "customers"} <= before
    await asyncio.to_thread(alembic_env.downgrade, SERVICE.migrations, committed_dsn, "base")
    assert await _tables(committed_dsn) == set()
    await asyncio.to_thread(alembic_env.upgrade, SERVICE.migrations, committed_dsn)
    assert await _tables(committed_dsn) == before
