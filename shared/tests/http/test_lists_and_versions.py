from datetime import UTC, date, datetime

import httpx2
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from shared.http.errors import CursorMismatch, InvalidCursor
from shared.http.etags import set_etag
from shared.http.pagination import read_cursor, write_cursor

BINDING = b"abcdef"
parts = st.one_of(st.text(max_size=20), st.integers(-(2**53), 2**53), st.none(), st.dates(), st.datetimes(timezones=st.just(UTC)))


async def write(client: httpx2.AsyncClient, *titles: str) -> list[str]:
    return [(await client.post("/v1/notes", json={"customer_id": "cus_1", "title": title})).json()["id"] for title in titles]


@given(st.tuples(parts, parts))
def test_a_cursor_brings_its_key_back(key: tuple) -> None:
    assert read_cursor(write_cursor(key, BINDING), BINDING) == key


@given(st.one_of(st.text(max_size=50), st.binary(max_size=50).map(lambda raw: raw.hex())))
def test_other_texts_are_no_cursors(text: str) -> None:
    with pytest.raises((InvalidCursor, CursorMismatch)):
        read_cursor(text, BINDING)


def test_moments_and_dates_come_back_as_such() -> None:
    key = (datetime(2026, 3, 1, 12, tzinfo=UTC), date(2026, 3, 1), 7, "x")
    assert read_cursor(write_cursor(key, BINDING), BINDING) == key


async def test_pages_follow_each_other_without_gap_or_repetition(client: httpx2.AsyncClient) -> None:
    ids = await write(client, *(f"note {number}" for number in range(7)))
    seen, cursor, pages = [], None, 0
    while True:
        answer = (await client.get("/v1/notes", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [note["id"] for note in answer["data"]]
        cursor, pages = answer["next_cursor"], pages + 1
        if cursor is None:
            break
    assert pages == 3
    assert sorted(seen) == sorted(ids)
    assert len(set(seen)) == 7


async def test_a_cursor_belongs_to_its_filter(client: httpx2.AsyncClient) -> None:
    await write(client, "a1", "a2", "b1")
    cursor = (await client.get("/v1/notes", params={"limit": 1, "begins": "a"})).json()["next_cursor"]
    assert (await client.get("/v1/notes", params={"limit": 5, "begins": "a", "cursor": cursor})).status_code == 200
    answer = await client.get("/v1/notes", params={"begins": "b", "cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_mismatch")
    answer = await client.get("/v1/notes", params={"cursor": "nonsense!"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


async def test_a_change_needs_the_present_version(client: httpx2.AsyncClient) -> None:
    (note,) = await write(client, "a")
    path = f"/v1/notes/{note}"
    assert (await client.patch(path, json={"remark": "x"})).status_code == 428
    assert (await client.patch(path, json={"remark": "x"}, headers={"if-match": "*"})).status_code == 428
    assert (await client.patch(path, json={"remark": "x"}, headers={"if-match": "1"})).status_code == 400
    stale = await client.patch(path, json={"remark": "x"}, headers={"if-match": '"7"'})
    assert (stale.status_code, stale.headers["etag"], stale.json()["current_etag"]) == (412, '"1"', '"1"')
    assert (await client.patch(path, json={"remark": "x"}, headers={"if-match": 'W/"1"'})).status_code == 412
    changed = await client.patch(path, json={"remark": "x"}, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["remark"]) == (200, '"2"', "x")


async def test_absent_keeps_and_null_clears(client: httpx2.AsyncClient) -> None:
    (note,) = await write(client, "a")
    path, merge = f"/v1/notes/{note}", {"content-type": "application/merge-patch+json"}
    await client.patch(path, json={"remark": "x"}, headers={"if-match": '"1"'})
    kept = await client.patch(path, content=b'{"title":"b"}', headers=merge | {"if-match": '"2"'})
    assert (kept.json()["title"], kept.json()["remark"]) == ("b", "x")
    cleared = await client.patch(path, content=b'{"remark":null}', headers=merge | {"if-match": '"3"'})
    assert (cleared.json()["title"], cleared.json()["remark"]) == ("b", None)


async def test_what_is_known_is_not_sent_again(client: httpx2.AsyncClient) -> None:
    (note,) = await write(client, "a")
    for tag, status in (('"1"', 304), ('W/"1"', 304), ('"0", "1"', 304), ('"2"', 200)):
        answer = await client.get(f"/v1/notes/{note}", headers={"if-none-match": tag})
        assert (answer.status_code, answer.headers["etag"]) == (status, '"1"')
        assert bool(answer.content) == (status == 200)


async def test_what_has_no_version_is_known_by_what_it_says(client: httpx2.AsyncClient) -> None:
    (note,) = await write(client, "a")
    first = await client.get("/v1/notes")
    tag = {"if-none-match": first.headers["etag"]}
    assert ((await client.get("/v1/notes", headers=tag)).status_code, first.json()["data"][0]["id"]) == (304, note)
    await write(client, "b")
    second = await client.get("/v1/notes", headers=tag)
    assert (second.status_code, second.headers["etag"] == first.headers["etag"]) == (200, False)
    assert "etag" not in (await client.get("/v1/notes/none")).headers


async def test_a_tag_may_tell_more_than_the_version(client: httpx2.AsyncClient) -> None:
    response = Response()
    set_etag(response, 1, 7, "open")
    assert response.headers["etag"] == '"1-7-open"'
    (note,) = await write(client, "a")
    changed = await client.patch(f"/v1/notes/{note}", json={"remark": "x"}, headers={"if-match": response.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')


async def test_a_batch_answers_for_each_item_in_order(client: httpx2.AsyncClient) -> None:
    good = {"customer_id": "cus_1", "title": "a"}
    items = [good, {"title": ""}, good, "text", good | {"title": "b", "unknown": 1}, good | {"title": "nul\x00"}, good | {"title": "c"}]
    answer = await client.post("/v1/notes/batch", content=orjson.dumps({"items": items}), headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 422, 200, 422, 422, 422, 201]
    assert results[1]["problem"]["errors"][0]["pointer"] == "/customer_id"
    assert results[4]["problem"]["errors"][0] == {
        "pointer": "/unknown",
        "code": "extra_forbidden",
        "detail": "Extra inputs are not permitted",
        "location": "body",
    }
    assert results[5]["problem"]["code"] == "nul_character"
    assert "id" not in results[1]


@pytest.mark.parametrize("items", [[], [{}] * 1001, "text"])
async def test_a_batch_has_a_size(client: httpx2.AsyncClient, items: object) -> None:
    answer = await client.post("/v1/notes/batch", json={"items": items})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/items")
