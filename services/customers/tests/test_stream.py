"""The live view of a timeline: nothing missed, nothing twice, resumed by its last id, ended with the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.timeline import stream
from customers.timeline.errors import TooManyStreams
from customers.timeline.service import Touch, record
from customers.timeline.stream import Position, Streams
from shared.clock import SystemClock
from shared.http.state import AppState

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
PATIENCE_SECONDS = 10


@given(st.integers(0, 10**18 - 1), st.from_regex(r"[a-z0-9_]{1,40}", fullmatch=True))
def test_a_position_is_read_as_it_was_written(number, touch_id):
    position = Position(number, touch_id)
    assert Position.read(str(position)) == position


@given(st.none() | st.text())
def test_what_is_no_position_is_none(text):
    found = Position.read(text)
    assert found is None or 0 <= found.written_in < 10**18


@pytest.fixture
async def state(committed_database) -> AsyncIterator[AppState]:
    state = AppState(*[SimpleNamespace()] * 2, SystemClock(), *[SimpleNamespace()] * 3, None, committed_database)
    yield state
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)


@pytest.fixture
def streams(state) -> Streams:
    return Streams(state, poll_seconds=0.01)


@asynccontextmanager
async def following(streams: Streams, *ids: str, last: str | None = None):
    """Yields a function that returns the next events: (id, source id of the touch)."""
    async with aclosing(streams.follow(ids or ("cus_1",), Position.read(last))) as events:
        assert await anext(events) == b": here\n\n"

        async def following_events(count: int) -> list[tuple[str, str]]:
            found = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(found) < count:
                    event = await anext(events)
                    if event.startswith(b"id:"):
                        name, kind, data, *_ = event.decode().split("\n")
                        assert kind == "event: touch"
                        found.append((name.removeprefix("id: "), orjson.loads(data.removeprefix("data: "))["source_id"]))
            return found

        following_events.raw = events
        # The first look begins the stream.
        await asyncio.wait_for(_begun(streams), PATIENCE_SECONDS)
        yield following_events


async def _begun(streams: Streams) -> None:
    await asyncio.gather(*(asyncio.shield(subscription.begins) for subscription in streams._all))


async def write(database, *sources: str, customer_id: str = "cus_1", kind: str = "call") -> None:
    async with database.acquire() as connection, connection.transaction():
        await record(connection, [Touch(customer_id, kind, source, AT) for source in sources])


async def test_what_is_written_is_told_in_order_and_only_to_its_followers(committed_database, streams):
    await write(committed_database, "before")
    async with following(streams, "cus_1", "cus_2") as family, following(streams, "cus_3") as other:
        await write(committed_database, "a", "b")
        await write(committed_database, "c", customer_id="cus_2")
        await write(committed_database, "d", customer_id="cus_3")
        assert [source for _, source in await family(3)] == ["a", "b", "c"]
        assert [source for _, source in await other(1)] == ["d"]


async def test_a_late_commit_is_not_passed_over(committed_database, streams):
    async with following(streams) as events:
        async with committed_database.acquire() as slow:
            transaction = slow.transaction()
            await transaction.start()
            await record(slow, [Touch("cus_1", "call", "slow", AT)])
            await write(committed_database, "quick")
            await transaction.commit()
        assert [source for _, source in await events(2)] == ["slow", "quick"]


async def test_it_goes_on_from_the_last_id(committed_database, streams):
    async with following(streams) as events:
        await write(committed_database, "a")
        await write(committed_database, "b", "c")
        told = await events(3)
    await write(committed_database, "d")
    for place in range(3):
        async with following(streams, last=told[place][0]) as events:
            await write(committed_database, f"live-{place}")
            expected = ["a", "b", "c", "d", *(f"live-{number}" for number in range(place + 1))][place + 1 :]
            assert [source for _, source in await events(len(expected))] == expected


async def test_what_was_missed_comes_in_many_pages(committed_database, streams, monkeypatch):
    monkeypatch.setattr(stream, "_PAGE", 3)
    async with following(streams) as events:
        await write(committed_database, "first")
        [(last, _)] = await events(1)
    await write(committed_database, *[f"m{number}" for number in range(7)])
    async with following(streams, last=last) as events:
        assert {source for _, source in await events(7)} == {f"m{number}" for number in range(7)}


async def test_a_changed_touch_is_told_again(committed_database, streams):
    async with following(streams) as events:
        await write(committed_database, "a")
        told = await events(1)
        async with committed_database.acquire() as connection:
            await record(connection, [Touch("cus_1", "call", "a", AT, sentiment="negative")])
        assert [source for _, source in told + await events(1)] == ["a", "a"]


async def test_a_quiet_stream_shows_that_it_lives(state):
    async with following(Streams(state, poll_seconds=0.01, heartbeat_seconds=0.02)) as events:
        assert await asyncio.wait_for(anext(events.raw), PATIENCE_SECONDS) == b": still here\n\n"


async def test_after_a_merge_the_client_comes_again(committed_database, streams):
    async with following(streams) as events:
        await write(committed_database, "mrg_1", kind="merge")
        assert [source for _, source in await events(1)] == ["mrg_1"]
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(events.raw), PATIENCE_SECONDS)


async def test_streams_end_when_the_process_drains(state, streams):
    async with following(streams) as events, following(streams) as others:
        state.draining = True
        for each in (events, others):
            with pytest.raises(StopAsyncIteration):
                await asyncio.wait_for(anext(each.raw), PATIENCE_SECONDS)
    assert len(streams) == 0


async def test_streams_are_bounded_and_hold_no_connection(committed_database, state, streams, monkeypatch):
    monkeypatch.setattr(stream, "MAX_STREAMS", 20)
    open_streams = [streams.follow(["cus_1"], None) for _ in range(20)]
    for each in open_streams:
        await anext(each)
    with pytest.raises(TooManyStreams):
        streams.check_room()
    # The pool has eight connections: all of them can be lent at once while twenty streams are open.
    async with asyncio.timeout(PATIENCE_SECONDS):
        leases = [committed_database.acquire() for _ in range(7)]
        for lease in leases:
            await lease.__aenter__()
        for lease in leases:
            await lease.__aexit__(None, None, None)
    for each in open_streams:
        await each.aclose()
    streams.check_room()


async def test_who_is_too_far_behind_is_cut_off_and_catches_up(committed_database, streams, monkeypatch):
    monkeypatch.setattr(stream, "MAX_WAITING", 2)
    async with following(streams) as events:
        await write(committed_database, "a", "b", "c", "d")
        told = await events(2)
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(events.raw), PATIENCE_SECONDS)
    monkeypatch.setattr(stream, "MAX_WAITING", 100)
    async with following(streams, last=told[-1][0]) as events:
        assert [source for _, source in told + await events(2)] == ["a", "b", "c", "d"]


async def test_over_http(committed_client, committed_database):
    customer_id = (await committed_client.post("/v1/customers", json={})).json()["id"]
    app = committed_client._transport.app
    chunks: asyncio.Queue = asyncio.Queue()
    asked, gone = asyncio.Event(), asyncio.Event()

    async def receive():
        if not asked.is_set():
            asked.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    path = f"/v1/customers/{customer_id}/timeline/stream"
    headers = [(b"authorization", committed_client.headers["authorization"].encode()), (b"last-event-id", b"0-")]
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    scope |= {"http_version": "1.1", "scheme": "http", "server": ("test", 80), "client": ("127.0.0.1", 1), "root_path": ""}
    answering = asyncio.create_task(app(scope, receive, chunks.put))
    async with asyncio.timeout(PATIENCE_SECONDS):
        start = await chunks.get()
        assert (start["status"], dict(start["headers"])[b"content-type"].split(b";")[0]) == (200, b"text/event-stream")
        await write(committed_database, "live", customer_id=customer_id)
        while b"live" not in (await chunks.get()).get("body", b""):
            pass
        gone.set()
        await answering
    assert len(app.state.timeline_streams) == 0


async def test_unknown_customers_have_no_stream(client):
    answer = await client.get("/v1/customers/cus_unknown/timeline/stream")
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
