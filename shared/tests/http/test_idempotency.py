import asyncio
from typing import Any

import asyncpg
import httpx2
import pytest

from conftest import make_app, new_key, open_client
from shared.clock import FrozenClock
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.http import idempotency
from shared.settings import ServiceSettings

NOTE = {"customer_id": "cus_1", "title": "Likes tea"}
ONCE = {"idempotency-key": "once"}


TWIN = "INSERT INTO idempotency_answers (caller, key, fingerprint, status, headers, body) VALUES ($1, 'once', '', 201, '[]', '')"


@pytest.fixture(params=["/v1/notes", "/v1/notes/alone"])
def path(request: pytest.FixtureRequest) -> str:
    """A route with a unit of work, and one with a single write."""
    return request.param


async def count(database: Any, table: str = "notes") -> int:
    async with database.acquire() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM {table}")


async def test_the_same_request_gets_the_same_bytes(path: str, client: httpx2.AsyncClient, database: Any) -> None:
    first = await client.post(path, json=NOTE, headers=ONCE)
    again = await client.post(path, json=NOTE, headers=ONCE)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert await count(database) == 1
    assert await count(database, "event_log WHERE aggregatetype = 'customer'") == 1


async def test_another_request_with_the_key_is_refused(path: str, client: httpx2.AsyncClient) -> None:
    await client.post(path, json=NOTE, headers=ONCE)
    answer = await client.post(path, json=NOTE | {"stars": 1}, headers=ONCE)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


async def test_keys_belong_to_their_caller(path: str, client: httpx2.AsyncClient, database: Any) -> None:
    first = await client.post(path, json=NOTE, headers=ONCE)
    other = ONCE | {"authorization": f"Bearer {await new_key(database)}"}
    second = await client.post(path, json=NOTE | {"title": "b"}, headers=other)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "with space"])
async def test_keys_have_a_form(client: httpx2.AsyncClient, key: str) -> None:
    answer = await client.post("/v1/notes", json=NOTE, headers={"idempotency-key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


async def test_a_refusal_is_not_stored(path: str, client: httpx2.AsyncClient) -> None:
    assert (await client.post(path, json=NOTE | {"stars": 6}, headers=ONCE)).status_code == 422
    assert (await client.post(path, json=NOTE, headers=ONCE)).status_code == 201


async def test_one_that_is_worked_on_elsewhere_is_refused_at_once(committed_client: httpx2.AsyncClient, committed_database: Any) -> None:
    principal = await _principal(committed_database)
    claim = idempotency.Claim(principal, "once", b"", None)
    async with UnitOfWork(committed_database) as uow:
        await idempotency.take(uow.connection, claim, "sample")
        answer = await committed_client.post("/v1/notes", json=NOTE, headers=ONCE)
        assert (answer.status_code, answer.json()["code"]) == (409, "request_in_flight")
        assert answer.headers["retry-after"] == "1"
    assert (await committed_client.post("/v1/notes", json=NOTE, headers=ONCE)).status_code == 201


async def test_a_twin_that_commits_after_our_claim_wins(
    committed_client: httpx2.AsyncClient, committed_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is free again, but our snapshot was older: the primary key decides, and the effect is undone."""
    principal, take = await _principal(committed_database), idempotency.take

    async def overtaken(*arguments: Any) -> None:
        await take(*arguments)
        async with committed_database.acquire() as other:
            await other.execute(TWIN, principal)

    monkeypatch.setattr(idempotency, "take", overtaken)
    answer = await committed_client.post("/v1/notes", json=NOTE, headers=ONCE)
    assert (answer.status_code, answer.json()["code"]) == (409, "request_in_flight")
    assert await count(committed_database) == 0


async def test_a_single_write_waits_for_its_twin_and_gives_his_answer(
    committed_client: httpx2.AsyncClient, committed_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keeps the second one out, his title here, the stored answer comes first."""
    look, looked, met = idempotency.look, asyncio.Barrier(2), list[bool]()

    async def together(*arguments: Any) -> Any:
        at = await look(*arguments)
        # Not the second look, of the one whom the other kept out.
        if not met:
            await looked.wait()
            met.append(True)
        return at

    monkeypatch.setattr(idempotency, "look", together)
    twins = (committed_client.post("/v1/notes/alone", json=NOTE, headers=ONCE) for _ in range(2))
    one, other = await asyncio.gather(*twins)
    assert (one.status_code, other.status_code) == (201, 201)
    assert one.content == other.content
    assert await count(committed_database) == 1


async def test_a_single_write_that_is_kept_out_leaves_nothing(client: httpx2.AsyncClient, database: Any) -> None:
    await client.post("/v1/notes/alone", json=NOTE)
    taken = await client.post("/v1/notes/alone", json=NOTE, headers=ONCE)
    assert (taken.status_code, taken.json()["code"]) == (409, "title_taken")
    broken = await client.post("/v1/notes/alone", json=NOTE | {"title": "b", "stars": 6}, headers=ONCE)
    assert broken.status_code == 422
    assert await count(database) == 1
    assert await count(database, "idempotency_answers") == 0
    assert await count(database, "event_log WHERE aggregatetype = 'customer'") == 1
    assert (await client.post("/v1/notes/alone", json=NOTE | {"title": "b"}, headers=ONCE)).status_code == 201


async def test_a_hundred_at_once_have_one_effect(path: str, committed_client: httpx2.AsyncClient, committed_database: PoolDatabase) -> None:
    async def insist() -> bytes:
        while True:
            answer = await committed_client.post(path, json=NOTE, headers=ONCE)
            if answer.status_code == 201:
                return answer.content
            # While a twin is at work; a full pool says 503. Both tell to try again.
            assert answer.status_code in (409, 503), answer.text
            assert "retry-after" in answer.headers

    bodies = await asyncio.gather(*(insist() for _ in range(100)))
    assert len(set(bodies)) == 1
    assert await count(committed_database) == 1
    assert await count(committed_database, "outbox_pending") == 2  # the note's event, and that of the key


async def test_a_broken_commit_is_told_and_leaves_nothing(
    committed_client: httpx2.AsyncClient, committed_database: PoolDatabase, test_server: Any, committed_dsn: str
) -> None:
    admin = await asyncpg.connect(test_server.admin_dsn(committed_dsn))
    # A deferred constraint is checked by COMMIT itself.
    await admin.execute("ALTER TABLE sample.notes ADD CONSTRAINT late UNIQUE (customer_id) DEFERRABLE INITIALLY DEFERRED")
    await admin.close()
    assert (await committed_client.post("/v1/notes", json=NOTE)).status_code == 201
    answer = await committed_client.post("/v1/notes", json=NOTE | {"title": "b"}, headers=ONCE)
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
    assert await count(committed_database) == 1
    assert await count(committed_database, "idempotency_answers") == 0
    assert await count(committed_database, "event_log WHERE aggregatetype = 'customer'") == 1


async def test_a_crash_between_commit_and_answer(
    path: str, committed_database: PoolDatabase, settings: ServiceSettings, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer is lost after the commit; trying again gets it."""
    from shared.messaging import failpoints

    app = make_app(committed_database, settings, clock)
    async with open_client(app, await new_key(committed_database)) as client:
        monkeypatch.setattr(failpoints, "_armed", failpoints.read_failpoints("request.before_answer:raise"))
        lost = await client.post(path, json=NOTE, headers=ONCE)
        assert lost.status_code == 503
        again = await client.post(path, json=NOTE, headers=ONCE)
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(committed_database) == 1


async def _principal(database: Any) -> str:
    async with database.acquire() as connection:
        return "server:" + await connection.fetchval("SELECT key_id FROM access_keys")


async def test_a_stored_answer_tells_nothing_without_the_callers_key(path: str, client: httpx2.AsyncClient, database: Any) -> None:
    answer = await client.post(path, json=NOTE, headers=ONCE)
    async with database.acquire() as connection:
        stored = await connection.fetchval("SELECT body FROM idempotency_answers")
    assert NOTE["title"].encode() in answer.content
    assert NOTE["title"].encode() not in stored
    assert len(stored) > len(answer.content)
