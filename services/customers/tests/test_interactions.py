"""Interactions over HTTP, alone and in batches."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.interactions.errors import KindReserved, OccurredAtRefused
from customers.interactions.rules import RESERVED_KINDS, check_kind, check_occurred_at
from customers.interactions.service import collect, erase
from shared.contracts.customers import InteractionRecorded

CALL = {
    "external_id": "T-1",
    "customer_external_id": "C-1",
    "kind": "call",
    "channel": "phone",
    "direction": "inbound",
    "journey_stage": "service",
    "sentiment": "negative",
    "subject": "Parcel late",
    "text": "Where is it?",
    "occurred_at": "2026-02-01T10:00:00Z",
    "attributes": {"agent": "Anna", "minutes": 7, "solved": False, "score": 0.5, "team": None},
}
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def send(client, **changes):
    return await client.post("/v1/interactions", json={k: v for k, v in (CALL | changes).items() if v is not None})


async def send_batch(client, *items):
    answer = await client.post("/v1/interactions/batch", json={"items": list(items)})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def timeline(client, customer_id):
    return (await client.get(f"/v1/customers/{customer_id}/timeline")).json()["data"]


@given(st.integers(-(10**8), 10**8))
def test_an_interaction_lies_in_the_past(seconds):
    moment = NOW + timedelta(seconds=seconds)
    if seconds <= 86_400:
        check_occurred_at(moment, NOW)
    else:
        with pytest.raises(OccurredAtRefused):
            check_occurred_at(moment, NOW)


@given(st.sampled_from(sorted(RESERVED_KINDS)))
def test_kinds_of_others_are_refused(kind):
    check_kind(f"{kind}_x")
    with pytest.raises(KindReserved):
        check_kind(kind)


async def test_what_is_sent_is_returned_and_appears_on_the_timeline(client, published):
    answer = await send(client)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    shown = answer.json()
    assert shown | CALL == shown
    assert (await client.get(answer.headers["location"])).json() == shown
    [touch] = await timeline(client, shown["customer_id"])
    assert (touch["kind"], touch["source_id"], touch["sentiment"], touch["occurred_at"]) == (
        "call",
        shown["id"],
        "negative",
        CALL["occurred_at"],
    )
    assert touch["summary"] == {"subject": "Parcel late", "direction": "inbound"}
    told = await published("customer", "interaction")
    assert [type(event).__name__ for event, _ in told] == ["CustomerRegistered", "InteractionRecorded"]
    assert told[1][0] == InteractionRecorded(
        interaction_id=shown["id"],
        customer_id=shown["customer_id"],
        kind="call",
        channel="phone",
        direction="inbound",
        journey_stage="service",
        sentiment="negative",
        occurred_at=datetime(2026, 2, 1, 10, tzinfo=UTC),
    )


async def test_little_is_enough(client, clock):
    customer_id = (await client.post("/v1/customers", json={})).json()["id"]
    answer = await client.post("/v1/interactions", json={"customer_id": customer_id, "kind": "visit"})
    assert answer.status_code == 201
    assert datetime.fromisoformat(answer.json()["occurred_at"]) == clock.now()
    assert (answer.json()["attributes"], answer.json()["text"]) == ({}, None)


async def test_sent_again_it_is_replaced_and_unchanged_it_is_not_told(client, published):
    first = (await send(client)).json()
    same = await send(client)
    changed = await send(client, sentiment="positive", text=None)
    assert (same.status_code, same.json()) == (200, first)
    assert (changed.status_code, changed.headers["etag"], changed.json()["id"]) == (200, '"2"', first["id"])
    assert (changed.json()["sentiment"], changed.json()["text"]) == ("positive", None)
    [touch] = await timeline(client, first["customer_id"])
    assert touch["sentiment"] == "positive"
    assert [(event.sentiment, sequence) for event, sequence in await published("interaction")] == [("negative", 1), ("positive", 2)]


@pytest.mark.parametrize("changes", [{"customer_external_id": "C-2"}, {"kind": "chat"}])
async def test_it_stays_of_its_customer_and_kind(client, changes, published):
    first = (await send(client)).json()
    answer = await send(client, **changes)
    [result] = await send_batch(client, CALL | changes)
    assert (answer.status_code, answer.json()["code"], answer.json()["id"]) == (409, "interaction_differs", first["id"])
    assert (result["status"], result["problem"]["code"]) == (409, "interaction_differs")
    assert len(await published("interaction")) == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"customer_external_id": None}, ""),
        ({"customer_id": "cus_00000000000000000000000000"}, ""),
        ({"customer_external_id": None, "customer_id": "cus_00000000000000000000000000"}, "/customer_id"),
        ({"kind": "Call me"}, "/kind"),
        ({"kind": "order"}, "/kind"),
        ({"direction": "sideways"}, "/direction"),
        ({"journey_stage": "x"}, "/journey_stage"),
        ({"sentiment": "angry"}, "/sentiment"),
        ({"subject": ""}, "/subject"),
        ({"text": "x" * 10_001}, "/text"),
        ({"occurred_at": "2026-03-03T12:00:01Z"}, "/occurred_at"),
        ({"attributes": {str(number): 1 for number in range(51)}}, "/attributes"),
        ({"unknown": 1}, "/unknown"),
    ],
)
async def test_bad_fields_are_named(client, changes, pointer):
    answer = await send(client, **changes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    [result] = await send_batch(client, {k: v for k, v in (CALL | changes).items() if v is not None})
    assert [error["pointer"] for error in result["problem"]["errors"]] == [pointer]


async def test_nested_attributes_are_refused(client):
    assert (await send(client, attributes={"a": {"b": 1}})).status_code == 422


async def test_a_batch_answers_each_item_in_order(client, published):
    first = (await send(client)).json()
    anonymous = {name: value for name, value in CALL.items() if name != "external_id"}
    results = await send_batch(
        client,
        CALL | {"external_id": "T-2", "customer_external_id": "C-9"},
        CALL,
        {"kind": "call"},
        CALL | {"external_id": "T-2", "customer_external_id": "C-9", "subject": "Later"},
        anonymous,
        anonymous,
        CALL | {"subject": "Changed"},
    )
    assert [result["status"] for result in results] == [201, 200, 422, 201, 201, 201, 200]
    assert results[0]["id"] == results[3]["id"]
    assert results[1]["id"] == results[6]["id"] == first["id"]
    assert len({results[place]["id"] for place in (0, 4, 5)}) == 3
    assert (await client.get(f"/v1/interactions/{results[0]['id']}")).json()["subject"] == "Later"
    assert (await client.get(f"/v1/interactions/{first['id']}")).json()["subject"] == "Changed"
    told = [(event.interaction_id, sequence) for event, sequence in await published("interaction")]
    assert sorted(told) == sorted([(first["id"], 1), (first["id"], 2), *((results[place]["id"], 1) for place in (0, 4, 5))])


async def test_an_external_id_may_look_like_an_id(client):
    results = await send_batch(client, CALL | {"external_id": "itr_1"}, {"customer_external_id": "C-1", "kind": "visit"})
    again = await send_batch(client, CALL | {"external_id": results[1]["id"]}, {"customer_external_id": "C-1", "kind": "visit"})
    assert len({result["id"] for result in results + again}) == 4


async def test_a_thousand_at_once_and_again(client, published):
    items = [CALL | {"external_id": f"T-{number}", "customer_external_id": f"C-{number % 9}"} for number in range(1_000)]
    first = await send_batch(client, *items)
    again = await send_batch(client, *items)
    assert {result["status"] for result in first} == {201}
    assert again == [{"status": 200, "id": result["id"]} for result in first]
    assert len(await published("interaction")) == 1_000


async def test_concurrent_twins_make_one(committed_client):
    answers = await asyncio.gather(*(send(committed_client) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({(answer.json()["id"], answer.json()["customer_id"]) for answer in answers}) == 1


async def test_concurrent_batches_in_any_order_end_alike(committed_client):
    items = [CALL | {"external_id": f"T-{number}", "customer_external_id": f"C-{number % 5}"} for number in range(60)]
    batches = await asyncio.gather(*(send_batch(committed_client, *part) for part in (items, items[::-1], items[30:] + items[:30])))
    assert {result["status"] for batch in batches for result in batch} == {200, 201}
    assert len({result["id"] for batch in batches for result in batch}) == 60


async def test_unknown_ones_are_not_found(client):
    answer = await client.get("/v1/interactions/itr_unknown")
    assert (answer.status_code, answer.json()["code"]) == (404, "interaction_not_found")


async def test_what_is_erased_is_gone_and_what_is_collected_is_all(client, database):
    mine, other = (await send(client)).json(), (await send(client, external_id="T-2", customer_external_id="C-2")).json()
    async with database.acquire() as connection:
        [row] = (await collect(connection, [mine["customer_id"]]))["interactions"]
        assert (row["id"], row["text"], row["attributes"]) == (mine["id"], CALL["text"], CALL["attributes"])
        assert await erase(connection, [mine["customer_id"]]) == {"interactions": 1}
        await connection.execute("UPDATE customers SET erased_at = now(), root_id = NULL WHERE id = $1", mine["customer_id"])
    assert (await client.get(f"/v1/interactions/{mine['id']}")).status_code == 404
    assert (await client.get(f"/v1/interactions/{other['id']}")).status_code == 200
    late = await client.post("/v1/interactions", json={"kind": "call", "customer_id": mine["customer_id"]})
    assert (late.status_code, late.json()["code"]) == (422, "customer_unknown")


async def test_who_reads_the_words_is_written_down(client):
    for changes in ({}, {"external_id": "T-2", "text": None}):
        await client.get(f"/v1/interactions/{(await send(client, **changes)).json()['id']}")
    log = (await client.get("/v1/audit", params={"action": "interaction_read"})).json()["data"]
    assert [entry["fields"] for entry in log] == [["text"]]
