import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from conftest import SERVICE, new_key, open_client
from shared.clock import FrozenClock
from shared.database.pool import PoolDatabase
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Conflict
from shared.http import create_app, jobs
from shared.http.api_keys import parse_key
from shared.http.jobs import Job, JobRunner, enqueue
from shared.settings import ServiceSettings


class Counting:
    """Counts to a number; can stop half-way, as if killed, or break."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.go_on = asyncio.Event()
        self.half_way = asyncio.Event()

    async def __call__(self, job: Job) -> Mapping[str, Any]:
        self.starts.append(job.done)
        for number in range(job.done, job.arguments["to"]):
            await job.progress(number + 1, job.arguments["to"])
            if number + 1 == job.arguments.get("pause_at"):
                self.half_way.set()
                await self.go_on.wait()
        if "fail" in job.arguments:
            raise Conflict if job.arguments["fail"] == "domain" else RuntimeError("secret")
        return {"counted": job.done}


async def queue(database: PoolDatabase, caller: str, **arguments: Any) -> str:
    async with UnitOfWork(database) as uow:
        job_id = await enqueue(uow, "count", arguments, caller=caller)
        await uow.commit()
    return job_id


async def row(database: PoolDatabase, job_id: str) -> Any:
    async with database.acquire() as connection:
        return await connection.fetchrow("SELECT * FROM jobs WHERE id = $1", job_id)


async def test_a_job_succeeds_with_its_result(committed_database: PoolDatabase) -> None:
    job_id = await queue(committed_database, "c", to=3)
    runner = JobRunner(committed_database, {"count": Counting()})
    assert await runner.run_one()
    assert not await runner.run_one()
    done = await row(committed_database, job_id)
    assert (done["status"], done["done"], done["total"], done["result"]) == ("succeeded", 3, 3, {"counted": 3})


@pytest.mark.parametrize(("how", "code"), [("domain", "conflict"), ("other", "internal_error")])
async def test_a_job_fails_with_a_code_only(committed_database: PoolDatabase, how: str, code: str) -> None:
    job_id = await queue(committed_database, "c", to=1, fail=how)
    await JobRunner(committed_database, {"count": Counting()}).run_one()
    failed = await row(committed_database, job_id)
    assert (failed["status"], failed["error_code"], failed["result"]) == ("failed", code, None)


async def test_a_job_whose_runner_died_goes_on_where_it_was_and_the_dead_one_writes_nothing(committed_database: PoolDatabase) -> None:
    job_id = await queue(committed_database, "c", to=5, pause_at=2)
    paused, second = Counting(), Counting()
    first = asyncio.create_task(JobRunner(committed_database, {"count": paused}).run_one())
    await paused.half_way.wait()
    # A lease of no length: whoever does not beat this instant is taken for dead.
    second.go_on.set()
    assert await JobRunner(committed_database, {"count": second}, lease_seconds=0).run_one()
    assert second.starts == [2]
    paused.go_on.set()
    await first
    done = await row(committed_database, job_id)
    assert (done["status"], done["done"]) == ("succeeded", 5)
    assert paused.starts == [0]


async def test_a_job_is_followed_and_cancelled_over_http(
    committed_database: PoolDatabase, settings: ServiceSettings, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BEAT_SECONDS", 0.05)
    counting = Counting()
    app = create_app(replace(SERVICE, jobs={"count": counting}), settings, database=committed_database, clock=clock)
    key = await new_key(committed_database)
    principal = f"server:{parse_key(key)}"
    async with open_client(app, key) as client:
        ended = await queue(committed_database, principal, to=2)
        stream = await client.get(f"/v1/jobs/{ended}/events")
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.text.rstrip().endswith('data: {"status":"succeeded","done":2,"total":2}')
        resumed = await client.get(f"/v1/jobs/{ended}/events", headers={"last-event-id": "succeeded-2"})
        assert resumed.text == ""
        assert (await client.get(f"/v1/jobs/{ended}")).json()["result"] == {"counted": 2}

        long = await queue(committed_database, principal, to=5, pause_at=2)
        await counting.half_way.wait()
        assert (await client.post(f"/v1/jobs/{long}/cancel")).json()["status"] == "cancelled"
        again = await client.post(f"/v1/jobs/{long}/cancel")
        assert (again.status_code, again.json()["code"]) == (409, "job_finished")
        # The runner noticed, and is free for the next one.
        after = await queue(committed_database, principal, to=1)
        assert (await client.get(f"/v1/jobs/{after}/events")).text.rstrip().endswith('data: {"status":"succeeded","done":1,"total":1}')
        assert (await row(committed_database, long))["done"] == 2
        await _is_unknown_to_others(client, long, await new_key(committed_database))


async def _is_unknown_to_others(client: httpx2.AsyncClient, job_id: str, key: str) -> None:
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        answer = await client.request(method, f"/v1/jobs/{job_id}{path}", headers={"authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
        assert (await client.request(method, f"/v1/jobs/{job_id}{path}", headers={"authorization": ""})).status_code == 401
