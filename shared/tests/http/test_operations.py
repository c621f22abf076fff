from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2

BURY = """
INSERT INTO dead_letters (consumer, event_id, key, type, topic, partition, "offset", error, fingerprint)
VALUES ('sample', $1, $2, 'regulars.customers.api_key_issued.v1', 'regulars.customers', 1, 7, 'KeyError at x.py:1', $3)
"""
PARK = """
INSERT INTO parked_events (consumer, event_id, reason, type, source, key, stream, aggregate_id, sequence, time, payload,
                           topic, partition, "offset")
VALUES ('sample', $1, 'dead', 'regulars.customers.api_key_issued.v1', '/regulars/customers', $2, 'customers/api_key/' || $2, $2, 1, $3, $4,
        'regulars.customers', 1, 7)
"""
KEY = b'{"key_id":"k1","secret_sha256":"00","name":"n","scopes":["orders:read"],"issued_at":"2026-01-01T00:00:00Z"}'


async def bury(database: Any, key: str, fingerprint: str = "alike") -> str:
    event_id = uuid4()
    async with database.acquire() as connection:
        await connection.execute(BURY, event_id, key, fingerprint)
        await connection.execute(PARK, event_id, key, datetime(2026, 1, 1, tzinfo=UTC), KEY)
    return str(event_id)


async def keys(database: Any) -> int:
    async with database.acquire() as connection:
        return await connection.fetchval("SELECT count(*) FROM access_keys WHERE key_id = 'k1'")


async def test_dead_letters_are_listed_by_group_and_without_content(client: httpx2.AsyncClient, database: Any) -> None:
    wanted = await bury(database, "k1")
    await bury(database, "k2", "other")
    answer = (await client.get("/v1/operations/dead-letters", params={"fingerprint": "alike"})).json()
    assert [letter["event_id"] for letter in answer["data"]] == [wanted]
    assert "payload" not in answer["data"][0]
    assert len((await client.get("/v1/operations/dead-letters")).json()["data"]) == 2


async def test_a_redrive_is_tried_dry_and_then_done(committed_client: httpx2.AsyncClient, committed_database: Any) -> None:
    await bury(committed_database, "k1")
    dry = (await committed_client.post("/v1/operations/redrives", json={})).json()
    assert dry == {"dry_run": True, "keys": 1, "applied": 1, "dead": 0, "behind": 0}
    assert await keys(committed_database) == 0
    done = (await committed_client.post("/v1/operations/redrives", json={"dry_run": False})).json()
    assert done == dry | {"dry_run": False}
    assert await keys(committed_database) == 1
    assert (await committed_client.get("/v1/operations/dead-letters")).json() == {"data": []}
