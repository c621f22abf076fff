"""Segments: who belongs to one enters once, leaves with all his records, and everybody is told."""

import asyncio

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.privacy import holders
from customers.profiles import repository as profiles
from customers.segments import repository
from shared.testing.plans import plan_of

NAMES = {"en": "Best customers", "ru": "Лучшие клиенты", "zh": "优质客户", "lv": "Labākie klienti"}


async def customer(client, **fields) -> str:
    return (await client.post("/v1/customers", json=fields)).json()["id"]


async def segment(client, code: str = "vip") -> str:
    made = await client.post("/v1/segments", json={"code": code, "names": NAMES})
    assert made.status_code == 201, made.text
    return f"/v1/segments/{code}"


async def enter(client, *ids: str, code: str = "vip") -> list[int]:
    answer = await client.post(f"/v1/segments/{code}/members", json={"items": [{"customer_id": each} for each in ids]})
    assert answer.status_code == 200, answer.text
    return [result["status"] for result in answer.json()["results"]]


async def leave(client, *ids: str, code: str = "vip") -> list[int]:
    answer = await client.post(f"/v1/segments/{code}/leave", json={"items": [{"customer_id": each} for each in ids]})
    assert answer.status_code == 200, answer.text
    return [result["status"] for result in answer.json()["results"]]


async def members(client, code: str = "vip") -> list[str]:
    return [each["customer_id"] for each in (await client.get(f"/v1/segments/{code}/members")).json()["data"]]


async def of(client, customer_id: str) -> list[str]:
    return [each["code"] for each in (await client.get(f"/v1/customers/{customer_id}/segments")).json()["data"]]


async def listed(client, code: str = "vip") -> list[str]:
    return [each["id"] for each in (await client.get("/v1/customers", params={"segment": code})).json()["data"]]


async def merge(client, survivor: str, merged: str) -> str:
    answer = await client.post("/v1/merges", json={"survivor_id": survivor, "merged_id": merged})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


async def test_a_segment_lives_over_http(client):
    path = await segment(client)
    shown = await client.get(path)
    assert (shown.json()["names"], shown.json()["kind"], shown.headers["etag"]) == (NAMES, "static", '"1"')
    assert (await client.post("/v1/segments", json={"code": "vip", "names": NAMES})).json()["code"] == "segment_code_taken"
    assert (await client.patch(path, json={"names": {"en": "VIP"}})).status_code == 428
    changed = await client.patch(path, json={"names": {"en": "VIP"}}, headers={"if-match": '"1"'})
    assert (changed.json()["names"], changed.headers["etag"]) == ({"en": "VIP"}, '"2"')
    assert (await client.patch(path, json={"names": {"en": "VIP"}}, headers={"if-match": '"1"'})).status_code == 412
    assert (await client.patch(path, json={}, headers={"if-match": '"2"'})).headers["etag"] == '"2"'
    await segment(client, "students")
    first = (await client.get("/v1/segments?limit=1")).json()
    rest = (await client.get("/v1/segments", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [each["code"] for each in first["data"] + rest["data"]] == ["students", "vip"]
    for call in (
        client.get("/v1/segments/none"),
        client.get("/v1/segments/none/members"),
        client.delete("/v1/segments/none/members/cus_1"),
    ):
        answer = await call
        assert (answer.status_code, answer.json()["code"]) == (404, "segment_not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"code": "VIP", "names": NAMES},
        {"code": "vip", "names": {}},
        {"code": "vip", "names": {"fr": "x"}},
        {"code": "vip"},
        {"code": "x" * 41, "names": NAMES},
        {"code": "vip", "names": NAMES, "kind": "dynamic"},
    ],
)
async def test_segments_are_refused(client, body):
    assert (await client.post("/v1/segments", json=body)).status_code == 422


async def test_who_enters_and_leaves_is_told_once_each(client, published, database):
    path = await segment(client)
    one, other = await customer(client), await customer(client)
    assert await enter(client, one, other, one, "cus_" + "0" * 26) == [201, 201, 201, 404]
    assert await enter(client, one) == [200]
    assert await members(client) == sorted([one, other])
    assert (await client.delete(f"{path}/members/{one}")).status_code == 204
    assert (await client.delete(f"{path}/members/{one}")).json()["code"] == "segment_member_not_found"
    assert (await client.delete(f"{path}/members/cus_nobody")).json()["code"] == "customer_not_found"
    assert await leave(client, one, other, "cus_" + "0" * 26) == [404, 200, 404]
    assert await enter(client, one) == [201]
    told = [(event, sequence) for event, sequence in await published("segment_membership") if event.customer_id == one]
    assert [(event.is_member, event.segment, sequence) for event, sequence in told] == [
        (True, "vip", 1),
        (False, "vip", 2),
        (True, "vip", 3),
    ]
    assert len({event.membership_id for event, _ in told}) == 1
    first, second, third = (event for event, _ in told)
    assert first.changed_at == first.entered_at == second.entered_at < second.changed_at < third.entered_at == third.changed_at
    async with database.acquire() as connection:
        touches = await connection.fetch("SELECT kind, summary FROM touches WHERE customer_id = $1 ORDER BY occurred_at", one)
    assert [tuple(each) for each in touches] == [(f"segment_{kind}", {"segment": "vip"}) for kind in ("entered", "left", "entered")]


async def test_a_bad_item_does_not_fail_the_others(client):
    path = await segment(client)
    one = await customer(client)
    items = [
        {"customer_id": "nobody"},
        {"customer_id": one, "x": 1},
        7,
        {},
        {"customer_id": one, "external_id": "C-1"},
        {"customer_id": one},
    ]
    answer = (await client.post(f"{path}/members", json={"items": items})).json()
    assert [result["status"] for result in answer["results"]] == [422, 422, 422, 422, 422, 201]
    assert (await client.post(f"{path}/members", json={"items": [{"customer_id": one}] * 1_001})).status_code == 422
    assert (await client.post(f"{path}/members", json={"items": []})).status_code == 422


async def test_the_caller_may_name_customers_as_he_does(client):
    path = await segment(client)
    one = await customer(client, external_id="C-1")
    other = await customer(client, external_id="C-2")
    items = [{"external_id": "C-1"}, {"external_id": "C-9"}, {"customer_id": other}, {"external_id": "C-2"}]
    for expected in ([201, 404, 201, 201], [200, 404, 200, 200]):
        answer = (await client.post(f"{path}/members", json={"items": items})).json()["results"]
        assert [result["status"] for result in answer] == expected
        assert [result.get("id") for result in answer] == [one, None, other, other]
    left = (await client.post(f"{path}/leave", json={"items": items[:2]})).json()["results"]
    assert [result["status"] for result in left] == [200, 404]
    assert await members(client) == [other]


async def test_a_family_belongs_to_what_any_of_its_records_does(client):
    await segment(client)
    await segment(client, "students")
    one, other, third = [await customer(client) for _ in range(3)]
    await enter(client, other)
    await enter(client, one, code="students")
    merge_id = await merge(client, one, other)
    assert await of(client, one) == await of(client, other) == ["students", "vip"]
    assert (await members(client), await listed(client), await listed(client, "students")) == ([other], [one], [one])
    undone = await client.post(f"/v1/merges/{merge_id}/undo")
    assert undone.status_code == 200, undone.text
    assert (await of(client, one), await of(client, other), await of(client, third)) == (["students"], ["vip"], [])
    await merge(client, one, other)
    # Whoever leaves, leaves with all his records.
    assert (await client.delete(f"/v1/segments/vip/members/{one}")).status_code == 204
    assert (await of(client, other), await listed(client)) == (["students"], [])


async def test_lists_come_in_pages(client):
    await segment(client)
    ids = sorted([await customer(client) for _ in range(5)])
    await enter(client, *ids)
    for path, name, params in (("/v1/segments/vip/members", "customer_id", {}), ("/v1/customers", "id", {"segment": "vip"})):
        first = (await client.get(path, params={"limit": 3, **params})).json()
        rest = (await client.get(path, params={"limit": 3, "cursor": first["next_cursor"], **params})).json()
        assert [each[name] for each in first["data"] + rest["data"]] == ids
        assert rest["next_cursor"] is None
    assert await listed(client, "none") == []


async def test_members_do_not_see_segments(client):
    await segment(client)
    one = await customer(client)
    token = (await client.post("/v1/member-tokens", json={"customer_id": one})).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    for path in ("/v1/segments", f"/v1/customers/{one}/segments", "/v1/segments/vip/members"):
        assert (await client.get(path, headers=headers)).status_code in (403, 404)


async def test_who_is_erased_belongs_to_none(client, database, published):
    await segment(client)
    one, other = await customer(client), await customer(client)
    await enter(client, one, other)
    async with database.acquire() as connection:
        assert [each["segment"] for each in (await holders.collect_everywhere(connection, [one]))["segment_memberships"]] == ["vip"]
    answer = await client.post("/v1/erasures", json={"customer_id": one})
    assert answer.status_code in (200, 201, 202), answer.text
    assert await members(client) == [other]
    assert await enter(client, one) == [404]
    assert (await client.get(f"/v1/customers/{one}/segments")).status_code == 404


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 3), min_size=1, max_size=4)), max_size=8))
async def test_whoever_enters_and_leaves_the_events_tell_who_belongs(client, database, published, steps):
    code = "s" + repository.new_id("x")[-20:]
    await segment(client, code)
    ids = [await customer(client) for _ in range(4)]
    belong: set[str] = set()
    for enters, places in steps:
        named = [ids[place] for place in places]
        await (enter if enters else leave)(client, *named, code=code)
        belong = belong | set(named) if enters else belong - set(named)
    assert set(await members(client, code)) == belong
    told: dict[str, bool] = {}
    sequences: dict[str, list[int]] = {}
    for event, sequence in await published("segment_membership"):
        if event.segment == code:
            told[event.customer_id] = event.is_member
            sequences.setdefault(event.customer_id, []).append(sequence)
    assert {each for each, is_member in told.items() if is_member} == belong
    assert all(numbers == [*range(1, len(numbers) + 1)] for numbers in sequences.values())


async def test_many_at_once_enter_and_leave_once(committed_client, committed_database):
    await segment(committed_client)
    ids = [await customer(committed_client) for _ in range(5)]
    orders = [ids, ids[::-1], ids[2:] + ids[:2]]
    entered = await asyncio.gather(*(enter(committed_client, *order) for order in orders * 2))
    assert sum(status == 201 for statuses in entered for status in statuses) == 5
    left = await asyncio.gather(*(leave(committed_client, *order) for order in orders * 2))
    assert sum(status == 200 for statuses in left for status in statuses) == 5
    async with committed_database.acquire() as connection:
        rows = await connection.fetch("SELECT payload, sequence FROM event_log WHERE aggregatetype = 'segment_membership'")
    assert sorted((orjson.loads(row["payload"])["is_member"], row["sequence"]) for row in rows) == [(False, 2)] * 5 + [(True, 1)] * 5


_STATEMENTS = [
    ("pk_segments", repository._PAGE, "'', 20"),
    ("ix_segment_memberships_members", repository._MEMBERS, "'s7', 'cus_1', 20"),
    ("uq_segment_memberships_customer_id", repository._OF_FAMILY, "ARRAY['cus_7'], '', 20"),
    ("ix_segment_memberships_members", repository._LEAVE, "'s7', ARRAY['cus_7']"),
    ("uq_segment_memberships_customer_id", repository._ERASE, "ARRAY['cus_7']"),
    ("ix_segment_memberships_members", profiles._page_statement(("segment",), "created_at", False), "'s7', 20"),
]


async def test_the_indexes_are_used(database):
    missed = {}
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, created_at, root_id) SELECT 'cus_' || n, 'individual', now(), 'cus_' || n
            FROM generate_series(1, 3000) AS n;
            INSERT INTO segments (code, names) SELECT 's' || n, '{}' FROM generate_series(1, 300) AS n;
            INSERT INTO segment_memberships (id, segment, customer_id, is_member, entered_at, changed_at)
            SELECT 'sgm_' || n, 's' || 1 + n % 300, 'cus_' || 1 + n % 3000, true, now(), now() FROM generate_series(1, 3000) AS n;
            ANALYZE customers; ANALYZE segments; ANALYZE segment_memberships;
            """
        )
        for index, statement, values in _STATEMENTS:
            plan = await plan_of(connection, statement, values)
            if index not in plan:
                missed[index] = plan
    assert not missed, "\n\n".join(f"{index}:\n{plan}" for index, plan in missed.items())
