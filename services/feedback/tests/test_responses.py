"""Responses over HTTP: recorded once, told without their words, listed by any filter."""

import asyncio

import pytest
from feedback_answers import CUSTOMER, NINE, OTHER, listed, record


async def test_a_response_is_recorded_and_read(client):
    made = await record(client, answered_at="2026-02-28T20:05:00+02:00", external_id="r-1")
    assert made["id"].startswith("rsp_")
    assert made["answered_at"] == "2026-02-28T18:05:00Z"
    assert made["scale"] == {"min": 0, "max": 10}
    assert made["customer_known"] is False
    assert {name: made[name] for name in NINE} == NINE
    assert (await client.get(f"/v1/responses/{made['id']}")).json() == made


async def test_the_event_says_that_there_are_words_not_which(client, published):
    made = await record(client, comment="My name is Ilze.")
    (event,) = await published()
    assert (event.response_id, event.customer_id, event.score, event.has_comment) == (made["id"], CUSTOMER, 9, True)
    assert event.key == CUSTOMER
    assert "Ilze" not in event.model_dump_json()


async def test_nobody_in_particular_may_answer(client, published):
    made = await record(client, customer_id=None, comment="  ", channel=None)
    assert (made["customer_id"], made["comment"], made["channel"]) == (None, None, None)
    (event,) = await published()
    assert (event.customer_id, event.key, event.has_comment) == (None, made["id"], False)


async def test_the_same_response_again_changes_nothing(client, published):
    first = await record(client, external_id="r-1")
    again = await client.post("/v1/responses", json=NINE | {"external_id": "r-1"})
    assert (again.status_code, again.json()) == (200, first)
    assert len(await published()) == 1
    assert (await client.get("/v1/metrics/nps")).json()["n"] == 1


async def test_another_response_under_the_same_external_id_is_refused(client, published):
    await record(client, external_id="r-1")
    answer = await client.post("/v1/responses", json=NINE | {"external_id": "r-1", "score": 3})
    assert (answer.status_code, answer.json()["code"]) == (409, "response_differs")
    assert len(await published()) == 1


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"score": 11}, "/score"),
        ({"score": -1}, "/score"),
        ({"score": "9"}, "/score"),
        ({"score": True}, "/score"),
        ({"score": None}, "/score"),
        ({"question": "csat"}, "/question"),
        ({"customer_id": "C-10042"}, "/customer_id"),
        ({"channel": ""}, "/channel"),
        ({"comment": "x" * 10_001}, "/comment"),
        ({"answered_at": "2026-02-28T18:05:00"}, "/answered_at"),
        ({"answered_at": 1_767_225_600}, "/answered_at"),
        ({"answered_at": "1969-12-31T23:59:59Z"}, "/answered_at"),
        ({"answered_at": "2026-03-02T12:06:00Z"}, "/answered_at"),
        ({"mood": "good"}, "/mood"),
    ],
)
async def test_what_is_wrong_is_pointed_at(client, published, values, pointer):
    answer = await client.post("/v1/responses", json=NINE | values)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await published() == []


async def test_an_unknown_response_is_not_found(client):
    answer = await client.get("/v1/responses/rsp_01jd3z0k7cz9v8w6t5s4r3q2p1")
    assert (answer.status_code, answer.json()["code"]) == (404, "response_not_found")


async def test_a_member_answers_for_himself(client, member_token, published):
    client.headers["authorization"] = f"Bearer {member_token(CUSTOMER)}"
    made = await record(client, customer_id=None)
    assert made["customer_id"] == CUSTOMER
    await record(client, customer_id=CUSTOMER)
    answer = await client.post("/v1/responses", json=NINE | {"customer_id": OTHER})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_yourself")
    assert [event.customer_id for event in await published()] == [CUSTOMER, CUSTOMER]


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/rsp_1", "/v1/metrics/nps"])
async def test_a_member_reads_nothing(client, member_token, path):
    client.headers["authorization"] = f"Bearer {member_token(CUSTOMER)}"
    assert (await client.get(path)).status_code == 403
    assert (await client.post("/v1/responses/batch", json={"items": [NINE]})).status_code == 403


async def test_a_batch_answers_each_item_in_order(client, published):
    await record(client, external_id="r-0")
    items = [
        NINE | {"external_id": "r-1"},
        NINE | {"score": 11},
        NINE | {"external_id": "r-0"},
        NINE | {"external_id": "r-1"},
        NINE | {"external_id": "r-1", "score": 2},
        NINE | {"answered_at": "2030-01-01T00:00:00Z"},
        "nonsense",
        NINE,
    ]
    answer = await client.post("/v1/responses/batch", json={"items": items})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 422, 200, 200, 409, 422, 422, 201]
    assert results[3]["id"] == results[0]["id"]
    codes = [result["problem"]["code"] for result in results if "problem" in result]
    assert codes == ["validation_failed", "response_differs", "answered_in_future", "validation_failed"]
    assert len(await published()) == 3
    assert (await client.get("/v1/metrics/nps")).json()["n"] == 3


async def test_a_batch_is_limited(client):
    answer = await client.post("/v1/responses/batch", json={"items": [NINE] * 1_001})
    assert answer.status_code == 422


async def test_a_full_batch_is_recorded_once_however_often_it_is_sent(client, published):
    items = [NINE | {"external_id": f"r-{number}", "score": number % 11} for number in range(1_000)]
    for status in (201, 200):
        results = (await client.post("/v1/responses/batch", json={"items": items})).json()["results"]
        assert {result["status"] for result in results} == {status}
    assert len(await published()) == 1_000


async def test_responses_are_listed_newest_first_page_by_page(client):
    for day, score in ((3, 1), (1, 2), (2, 3), (2, 4)):
        await record(client, score=score, answered_at=f"2026-02-0{day}T00:00:00Z")
    page = (await client.get("/v1/responses", params={"limit": 3})).json()
    rest = (await client.get("/v1/responses", params={"limit": 3, "cursor": page["next_cursor"]})).json()
    assert [item["score"] for item in page["data"] + rest["data"]] == [1, 4, 3, 2]
    assert rest["next_cursor"] is None


async def test_filters_can_be_combined(client):
    await record(client, score=0, channel="app", answered_at="2026-01-01T00:00:00Z")
    await record(client, score=5, customer_id=OTHER, answered_at="2026-01-02T00:00:00Z")
    await record(client, score=10, answered_at="2026-01-03T00:00:00Z")
    assert await listed(client) == [10, 5, 0]
    assert await listed(client, question="nps", customer_id=CUSTOMER) == [10, 0]
    assert await listed(client, channel="email") == [10, 5]
    assert await listed(client, score_min=5, score_max=9) == [5]
    assert await listed(client, answered_from="2026-01-02T00:00:00Z", answered_to="2026-01-03T00:00:00Z") == [5]
    assert await listed(client, channel="app", score_min=1) == []


async def test_a_filter_goes_on_over_pages(client):
    for score in (9, 0, 8, 0, 7):
        await record(client, score=score, channel="app" if score else "email")
    page = (await client.get("/v1/responses", params={"channel": "app", "limit": 2})).json()
    rest = await client.get("/v1/responses", params={"channel": "app", "limit": 2, "cursor": page["next_cursor"]})
    assert [item["score"] for item in page["data"] + rest.json()["data"]] == [7, 8, 9]


@pytest.mark.parametrize("query", ["moood=good", "question=csat", "score_min=11", "answered_from=yesterday", "customer_id=C-1"])
async def test_an_unknown_filter_or_value_is_refused(client, query):
    assert (await client.get(f"/v1/responses?{query}")).status_code in {400, 422}


async def test_two_imports_of_the_same_at_once_record_it_once(committed_client):
    items = [NINE | {"external_id": f"r-{number}", "score": number % 11} for number in range(200)]
    backwards = list(reversed(items))
    answers = await asyncio.gather(
        *(committed_client.post("/v1/responses/batch", json={"items": batch}) for batch in (items, backwards, items, backwards))
    )
    results = [result for answer in answers for result in answer.json()["results"]]
    assert sorted(result["status"] for result in results) == [200] * 600 + [201] * 200
    assert len({result["id"] for result in results}) == 200
    assert (await committed_client.get("/v1/metrics/nps")).json()["n"] == 200
