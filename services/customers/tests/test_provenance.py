"""Provenance, history, past profiles and survivorship rules over HTTP."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.ids import new_id

UNKNOWN = "cus_00000000000000000000000000"


async def make(client, **fields) -> str:
    answer = await client.post("/v1/customers", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def patch(client, customer_id: str, **fields) -> dict:
    etag = (await client.get(f"/v1/customers/{customer_id}")).headers["etag"]
    answer = await client.patch(f"/v1/customers/{customer_id}", json=fields, headers={"if-match": etag})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def merge(client, survivor_id: str, merged_id: str) -> str:
    answer = await client.post("/v1/merges", json={"survivor_id": survivor_id, "merged_id": merged_id})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def believe(client, **rules) -> None:
    etag = (await client.get("/v1/survivorship-rules")).headers["etag"]
    answer = await client.put("/v1/survivorship-rules", json={"rules": rules}, headers={"if-match": etag})
    assert answer.status_code == 200, answer.text


async def profile(client, customer_id: str, **query) -> dict:
    answer = await client.get(f"/v1/customers/{customer_id}", params=query)
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name != "updated_at"}


async def now_of(database) -> str:
    async with database.acquire() as connection:
        return (await connection.fetchval("SELECT clock_timestamp()")).isoformat()


async def known(client, customer_id: str) -> dict[str, dict]:
    answer = await client.get(f"/v1/customers/{customer_id}/provenance")
    assert answer.status_code == 200, answer.text
    return {each["field"]: each for each in answer.json()["fields"]}


class TestHistory:
    async def test_tells_every_value_newest_first(self, client):
        customer = await make(client, city="Rīga", name="Ilze", attributes={"shoe": 39}, source="shop")
        await patch(client, customer, city=None, attributes={"shoe": None, "hat": 56})
        await client.patch(f"/v1/customers/{customer}", json={"city": "Ogre", "source": "crm"}, headers={"if-match": '"2"'})
        rows = (await client.get(f"/v1/customers/{customer}/history")).json()["data"]
        assert [(row["field"], row["value"], row["source"]) for row in rows] == [
            ("city", "Ogre", "crm"),
            ("city", None, "api"),
            ("attributes.shoe", None, "api"),
            ("attributes.hat", 56, "api"),
            ("name", "Ilze", "shop"),
            ("city", "Rīga", "shop"),
            ("attributes.shoe", 39, "shop"),
        ]
        assert all(row["actor"].startswith("server:") and row["record_id"] == customer and row["change_id"] for row in rows)
        filtered = (await client.get(f"/v1/customers/{customer}/history", params={"field": "attributes.shoe"})).json()["data"]
        assert [row["value"] for row in filtered] == [None, 39]

    async def test_pages_join_to_the_whole_of_a_family(self, client):
        anna, ilze = await make(client, name="Anna", city="Rīga"), await make(client, name="Ilze", phone="+37126123456")
        await merge(client, anna, ilze)
        for number in range(3):
            await patch(client, (anna, ilze)[number % 2], city=f"City {number}", occupation=f"Job {number}")
        whole = (await client.get(f"/v1/customers/{ilze}/history", params={"limit": 100})).json()["data"]
        assert len(whole) == 10
        assert {row["record_id"] for row in whole} == {anna, ilze}
        seen, cursor = [], None
        while True:
            query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(f"/v1/customers/{ilze}/history", params=query)).json()
            seen += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == whole

    @pytest.mark.parametrize("path", ["history", "provenance"])
    async def test_of_nobody(self, client, path):
        answer = await client.get(f"/v1/customers/{UNKNOWN}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


class TestProvenance:
    async def test_every_field_with_a_value_has_one(self, client):
        sent = {
            "kind": "organisation",
            "external_id": "P-1",
            "name": "SIA Bērzs",
            "tags": ["vip"],
            "preferences": {"zone": "Europe/Riga", "quiet_hours": {"from": "21:00", "to": "08:00"}},
            "attributes": {"size": "small"},
            "birth_date": "1999-01-01",
        }
        customer = await make(client, **sent)
        fields = await known(client, customer)
        assert set(fields) == (set(sent) - {"attributes"}) | {"attributes.size"}
        shown = await profile(client, customer)
        assert {name: fields[name]["value"] for name in sent if name != "attributes"} == {n: shown[n] for n in sent if n != "attributes"}
        assert {each["reason"] for each in fields.values()} == {"latest"}

    async def test_who_lost_is_told(self, client):
        await believe(client, phone=["crm", "shop"])
        customer = await make(client, phone="+37126111111", city="Rīga", source="crm")
        answer = await client.patch(
            f"/v1/customers/{customer}", json={"phone": "+37126222222", "city": "Ogre", "source": "shop"}, headers={"if-match": '"1"'}
        )
        assert (answer.json()["phone"], answer.json()["city"]) == ("+37126111111", "Ogre")
        fields = await known(client, customer)
        assert (fields["phone"]["source"], fields["city"]["source"]) == ("crm", "shop")
        assert [(each["value"], each["source"]) for each in fields["phone"]["candidates"]] == [("+37126222222", "shop")]
        assert [(each["value"], each["source"]) for each in fields["city"]["candidates"]] == [("Rīga", "crm")]

    async def test_a_merge_gives_its_reasons(self, client):
        anna, ilze = await make(client, name="Anna"), await make(client, name="Ilze", city="Ogre")
        await merge(client, anna, ilze)
        fields = await known(client, ilze)
        assert (fields["name"]["reason"], fields["name"]["record_id"]) == ("survivor", anna)
        assert [each["value"] for each in fields["name"]["candidates"]] == ["Ilze"]
        assert (fields["city"]["reason"], fields["city"]["record_id"], fields["city"]["candidates"]) == ("merged", ilze, [])


class TestRules:
    async def test_are_read_set_and_guarded(self, client):
        first = await client.get("/v1/survivorship-rules")
        assert (first.json()["rules"], first.json()["version"], first.headers["etag"]) == ({}, 0, '"1"')
        assert (await client.put("/v1/survivorship-rules", json={"rules": {}})).status_code == 428
        rules = {"rules": {"phone": ["crm", "shop"], "attributes.size": ["form"]}}
        answer = await client.put("/v1/survivorship-rules", json=rules, headers={"if-match": '"1"'})
        assert (answer.status_code, answer.json()["version"], answer.headers["etag"]) == (200, 1, '"2"')
        assert (await client.get("/v1/survivorship-rules")).json() == answer.json()
        assert (await client.put("/v1/survivorship-rules", json=rules, headers={"if-match": '"1"'})).status_code == 412

    @pytest.mark.parametrize("rules", [{"nickname": ["crm"]}, {"external_id": ["crm"]}, {"phone": ["crm", "crm"]}, {"attributes": ["crm"]}])
    async def test_nonsense_is_refused(self, client, rules):
        answer = await client.put("/v1/survivorship-rules", json={"rules": rules}, headers={"if-match": '"1"'})
        assert (answer.status_code, answer.json()["code"]) == (422, "survivorship_rules_refused")

    @pytest.mark.parametrize("sources", [[], ["Crm"], [""], "crm"])
    async def test_sources_have_names(self, client, sources):
        answer = await client.put("/v1/survivorship-rules", json={"rules": {"phone": sources}}, headers={"if-match": '"1"'})
        assert answer.status_code == 422

    async def test_upserts_of_a_lower_source_change_nothing_and_tell_nobody(self, client, published):
        await believe(client, city=["crm"])
        items = [{"external_id": "R", "city": "Rīga", "source": "crm"}, {"external_id": "R", "city": "Ogre", "source": "shop"}]
        answers = [(await client.post("/v1/customers/batch", json={"items": items})).json() for _ in range(3)]
        customer = answers[0]["results"][0]["id"]
        assert (await profile(client, customer))["city"] == "Rīga"
        assert len(await published()) == 1
        history = (await client.get(f"/v1/customers/{customer}/history", params={"field": "city"})).json()["data"]
        # Each repetition contradicts the last word, so each is kept; the same word again would not be.
        assert {row["value"] for row in history} == {"Rīga", "Ogre"}

    async def test_the_same_word_again_is_kept_once(self, client):
        await believe(client, city=["crm"])
        customer = await make(client, external_id="S", city="Rīga", source="crm")
        item = {"external_id": "S", "city": "Ogre", "source": "shop"}
        for _ in range(3):
            await client.post("/v1/customers/batch", json={"items": [item]})
        history = (await client.get(f"/v1/customers/{customer}/history", params={"field": "city"})).json()["data"]
        assert [row["value"] for row in history] == ["Ogre", "Rīga"]


class TestPast:
    async def test_a_profile_is_seen_as_it_was(self, client, database):
        anna = await make(client, name="Anna", city="Rīga")
        ilze = await make(client, name="Ilze", phone="+37126123456")
        moments, snapshots = [], []

        async def remember() -> None:
            snapshots.append([await profile(client, each) for each in (anna, ilze)])
            moments.append(await now_of(database))

        await remember()
        await patch(client, anna, city="Ogre", attributes={"a": 1})
        await remember()
        merge_id = await merge(client, ilze, anna)
        await remember()
        await patch(client, anna, city=None, tags=["vip"])
        await remember()
        await client.post(f"/v1/merges/{merge_id}/undo")
        await remember()
        for moment, expected in zip(moments, snapshots, strict=True):
            assert [await profile(client, each, as_of=moment) for each in (anna, ilze)] == expected
        past = (await client.get(f"/v1/customers/{anna}", params={"as_of": moments[0]})).headers["etag"]
        assert (await client.patch(f"/v1/customers/{anna}", json={"city": "Ogre"}, headers={"if-match": past})).status_code == 412

    async def test_the_moment_of_a_change_shows_it(self, client):
        customer = await make(client, city="Rīga")
        for city in ("Ogre", "Cēsis"):
            shown = await patch(client, customer, city=city)
            assert (await profile(client, customer, as_of=shown["updated_at"]))["city"] == city

    async def test_before_the_beginning_there_was_nobody(self, client):
        customer = await make(client, city="Rīga")
        answer = await client.get(f"/v1/customers/{customer}", params={"as_of": "2020-01-01T00:00:00Z"})
        assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")

    @pytest.mark.parametrize("moment", ["yesterday", "2026-01-01T00:00:00", ""])
    async def test_a_moment_has_a_form(self, client, moment):
        customer = await make(client, city="Rīga")
        assert (await client.get(f"/v1/customers/{customer}", params={"as_of": moment})).status_code == 422


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("patch"), st.integers(0, 4), st.sampled_from(["city", "occupation", "a"]), st.sampled_from(["x", "y", None])),
        st.tuples(st.just("upsert"), st.integers(0, 4), st.sampled_from(["city", "occupation", "a"]), st.sampled_from(["x", "y", None])),
        st.tuples(st.just("merge"), st.integers(0, 4), st.integers(0, 4), st.none()),
        st.tuples(st.just("undo"), st.integers(0, 9), st.none(), st.none()),
        st.tuples(st.just("rules"), st.permutations(["crm", "shop", "api"]), st.none(), st.none()),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
async def test_any_story_ends_as_if_nobody_had_been_merged(client, database, steps: list[Any]):
    """Edits through any id, merges and their undoing: afterwards all are as their own changes make them, and the past stays as it was."""
    merged, twins = [new_id("m") for _ in range(5)], [new_id("t") for _ in range(5)]
    ids = [await make(client, external_id=name) for name in merged]
    others = [await make(client, external_id=name) for name in twins]
    links: list[str] = []
    archive: list[tuple[str, list[dict]]] = []
    sources = ("crm", "shop")
    for number, (kind, one, two, value) in enumerate(steps):
        fields = {"attributes": {"a": value}} if two == "a" else {two: value}
        match kind:
            case "patch":
                await patch(client, ids[one], **fields, source=sources[number % 2])
                await patch(client, others[one], **fields, source=sources[number % 2])
            case "upsert":
                items = [{"external_id": name, "source": sources[number % 2], **fields} for name in (merged[one], twins[one])]
                assert (await client.post("/v1/customers/batch", json={"items": items})).status_code == 200
            case "merge":
                answer = await client.post("/v1/merges", json={"survivor_id": ids[one], "merged_id": ids[int(two)]})
                assert answer.status_code in {201, 409}
                links += [answer.json()["id"]] if answer.status_code == 201 else []
            case "undo" if links:
                assert (await client.post(f"/v1/merges/{links.pop(one % len(links))}/undo")).status_code == 200
            case "rules":
                await believe(client, city=list(one))
        archive.append((await now_of(database), [await profile(client, each) for each in ids]))
    for moment, expected in archive:
        assert [await profile(client, each, as_of=moment) for each in ids] == expected
    for link in links:
        assert (await client.post(f"/v1/merges/{link}/undo")).status_code == 200
    hidden = {"id", "external_id", "created_at"}
    for one, other in zip(ids, others, strict=True):
        alone, twin = await profile(client, one), await profile(client, other)
        assert alone["id"] == one
        assert {n: v for n, v in alone.items() if n not in hidden} == {n: v for n, v in twin.items() if n not in hidden}
    async with database.acquire() as connection:
        wrong = await connection.fetchval(
            "SELECT count(*) FROM customers WHERE id = ANY($1) AND (merged_into IS NOT NULL OR root_id <> id OR family_size <> 1)", ids
        )
    assert wrong == 0
