"""Merges over HTTP: links that lose nothing and can be undone."""

import asyncio

import pytest

from shared.contracts.customers import CustomerMerged, CustomerUnmerged, CustomerUpdated


async def make(client, **fields) -> str:
    answer = await client.post("/v1/customers", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def read(client, customer_id: str) -> dict:
    answer = await client.get(f"/v1/customers/{customer_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def patch(client, customer_id: str, **fields) -> dict:
    etag = (await client.get(f"/v1/customers/{customer_id}")).headers["etag"]
    answer = await client.patch(f"/v1/customers/{customer_id}", json=fields, headers={"if-match": etag})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def merge(client, survivor_id: str, merged_id: str, **more) -> str:
    answer = await client.post("/v1/merges", json={"survivor_id": survivor_id, "merged_id": merged_id, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def undo(client, merge_id: str) -> dict:
    answer = await client.post(f"/v1/merges/{merge_id}/undo")
    assert answer.status_code == 200, answer.text
    return answer.json()


def facts(shown: dict) -> dict:
    return {name: value for name, value in shown.items() if name not in {"created_at", "updated_at"}}


async def order(client, customer_id: str, number: int) -> str:
    line = {"sku": "A", "quantity": 1, "amount_minor": 100}
    draft = {"customer_id": customer_id, "placed_at": f"2026-01-0{number}T10:00:00Z", "currency": "EUR", "lines": [line]}
    answer = await client.post("/v1/orders", json=draft)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def test_a_merge_fills_what_the_survivor_does_not_know(client, published):
    anna = await make(client, name="Anna", city="Rīga", attributes={"shoe": 39}, external_id="A")
    ilze = await make(client, name="Ilze", phone="+37126123456", attributes={"hat": 56, "shoe": 40}, external_id="B")
    merge_id = await merge(client, anna, ilze, reason="same person")
    shown = await read(client, ilze)
    assert (shown["id"], shown["name"], shown["city"], shown["phone"]) == (anna, "Anna", "Rīga", "+37126123456")
    assert (shown["attributes"], shown["external_id"]) == ({"hat": 56, "shoe": 39}, "A")
    assert (await client.get(f"/v1/customers/{anna}")).json() == shown
    told = await published("customer", "customer_link")
    [(merged, sequence)] = [each for each in told if isinstance(each[0], CustomerMerged)]
    assert (merged.merge_id, merged.survivor_id, merged.merged_id, sequence) == (merge_id, anna, ilze, 1)
    [(updated, sequence)] = [each for each in told if isinstance(each[0], CustomerUpdated)]
    assert (updated.customer_id, updated.changed, sequence) == (anna, ["attributes", "phone"], 2)


async def test_an_undone_merge_leaves_no_trace_in_the_profiles(client, published):
    anna = await make(client, name="Anna", city="Rīga")
    ilze = await make(client, name="Ilze", phone="+37126123456")
    before = [facts(await read(client, each)) for each in (anna, ilze)]
    merge_id = await merge(client, anna, ilze)
    undone = await undo(client, merge_id)
    assert undone["undone_at"] is not None
    assert [facts(await read(client, each)) for each in (anna, ilze)] == before
    told = await published("customer_link")
    assert [(type(event), sequence) for event, sequence in told] == [(CustomerMerged, 1), (CustomerUnmerged, 2)]
    again = await client.post(f"/v1/merges/{merge_id}/undo")
    assert (again.status_code, again.json()["code"]) == (409, "merge_undone")


async def test_what_is_told_after_a_merge_stays_with_the_record_that_it_was_told_of(client):
    anna, ilze = await make(client, city="Rīga", external_id="A"), await make(client, city="Cēsis", external_id="B")
    merge_id = await merge(client, anna, ilze)
    assert (await patch(client, ilze, city="Ogre"))["city"] == "Ogre"
    assert (await read(client, anna))["city"] == "Ogre"
    await client.post(
        "/v1/customers/batch", json={"items": [{"external_id": "B", "country": "LV"}, {"external_id": "A", "language": "lv"}]}
    )
    together = await read(client, anna)
    assert (together["country"], together["language"]) == ("LV", "lv")
    await undo(client, merge_id)
    alone = [await read(client, each) for each in (anna, ilze)]
    assert [(each["city"], each["country"], each["language"]) for each in alone] == [("Rīga", None, "lv"), ("Ogre", "LV", None)]


async def test_the_caller_chooses_the_direction(client):
    """Chatwoot #5115: the direction of a merge was fixed, so that the imported contact was the one to vanish."""
    first, second = await make(client, name="First"), await make(client, name="Second")
    await merge(client, second, first)
    assert (await read(client, first))["id"] == second
    assert (await read(client, first))["name"] == "Second"


async def test_orders_of_a_merged_customer_are_the_survivors(client):
    """Twenty #23892: merging people deleted their timeline and orphaned what belonged to it."""
    anna, ilze = await make(client, name="Anna"), await make(client, name="Ilze", external_id="B")
    mine, other = await order(client, anna, 1), await order(client, ilze, 2)
    merge_id = await merge(client, anna, ilze)
    later = await order(client, ilze, 3)
    for customer_id in (anna, ilze):
        listed = (await client.get(f"/v1/customers/{customer_id}/orders")).json()["data"]
        assert [each["id"] for each in listed] == [later, other, mine]
    await undo(client, merge_id)
    # PostHog #30929: splitting a person left his events with the other.
    assert [each["id"] for each in (await client.get(f"/v1/customers/{ilze}/orders")).json()["data"]] == [later, other]
    assert [each["id"] for each in (await client.get(f"/v1/customers/{anna}/orders")).json()["data"]] == [mine]


async def test_lists_of_both_are_kept_whole(client):
    """EspoCRM #3259: columns of the links between entities were lost by merging."""
    address = {"kind": "home", "lines": ["Brīvības iela 1"], "city": "Rīga", "postcode": "LV-1010", "country": "LV"}
    anna, ilze = await make(client, tags=["vip"]), await make(client, tags=["new"], addresses=[address], preferences={"channel": "sms"})
    merge_id = await merge(client, anna, ilze)
    together = await read(client, anna)
    assert (together["tags"], together["addresses"], together["preferences"]) == (["vip"], [address], {"channel": "sms"})
    await undo(client, merge_id)
    alone = await read(client, ilze)
    assert (alone["tags"], alone["addresses"], alone["preferences"]) == (["new"], [address], {"channel": "sms"})


async def test_merged_customers_are_in_no_list_but_found_by_their_external_id(client):
    anna, ilze = await make(client, external_id="A", name="Anna"), await make(client, external_id="B", name="Ilze")
    await merge(client, anna, ilze)
    assert [each["id"] for each in (await client.get("/v1/customers")).json()["data"]] == [anna]
    assert [each["id"] for each in (await client.get("/v1/customers", params={"external_id": "B"})).json()["data"]] == [anna]
    [result] = (await client.post("/v1/customers/batch", json={"items": [{"external_id": "B", "city": "Ogre"}]})).json()["results"]
    assert result == {"status": 200, "id": ilze}
    taken = await client.post("/v1/customers", json={"external_id": "B"})
    assert taken.json()["code"] == "external_id_taken"


async def test_a_merged_record_can_be_given_another_external_id(client):
    anna, ilze = await make(client, external_id="A"), await make(client, external_id="B")
    merge_id = await merge(client, anna, ilze)
    assert (await patch(client, ilze, external_id="C"))["external_id"] == "A"
    [result] = (await client.post("/v1/customers/batch", json={"items": [{"external_id": "C", "city": "Ogre"}]})).json()["results"]
    assert result["id"] == ilze
    await undo(client, merge_id)
    assert ((await read(client, ilze))["external_id"], (await read(client, anna))["external_id"]) == ("C", "A")


async def test_a_value_that_only_one_may_have_goes_with_the_merge_and_comes_back(client):
    definition = {"name": "card", "type": "text", "unique": True}
    answer = await client.post("/v1/attribute-definitions", json=definition)
    assert answer.status_code == 201, answer.text
    anna, ilze = await make(client, name="Anna"), await make(client, name="Ilze", attributes={"card": "7"})
    merge_id = await merge(client, anna, ilze)
    assert (await read(client, anna))["attributes"] == {"card": "7"}
    await undo(client, merge_id)
    assert [(await read(client, each))["attributes"] for each in (anna, ilze)] == [{}, {"card": "7"}]
    taken = await client.post("/v1/customers", json={"attributes": {"card": "7"}})
    assert (taken.status_code, taken.json()["code"]) == (409, "attribute_taken")


async def test_a_hundred_merges_deep_every_id_resolves_and_the_middle_can_be_undone(client):
    items = [{"external_id": f"D-{number}", "name": f"Name {number}", "attributes": {f"a{number % 40}": number}} for number in range(102)]
    made = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    ids = [each["id"] for each in made]
    merges = [await merge(client, ids[number], ids[number + 1]) for number in reversed(range(101))]
    assert {(await read(client, each))["id"] for each in (ids[0], ids[50], ids[101])} == {ids[0]}
    await patch(client, ids[101], city="Deep")
    # The link between 49 and 50.
    await undo(client, merges[100 - 49])
    assert [(await read(client, ids[number]))["id"] for number in (0, 49, 50, 101)] == [ids[0], ids[0], ids[50], ids[50]]
    assert ((await read(client, ids[0]))["city"], (await read(client, ids[60]))["city"]) == (None, "Deep")
    for merge_id in [*merges[: 100 - 49], *merges[101 - 49 :]]:
        await undo(client, merge_id)
    for number in (0, 1, 49, 50, 100, 101):
        shown = await read(client, ids[number])
        assert (shown["id"], shown["name"], shown["attributes"]) == (ids[number], f"Name {number}", {f"a{number % 40}": number})


class TestPreview:
    async def test_tells_what_moves_and_who_wins(self, client):
        anna, ilze = await make(client, name="Anna", city="Rīga"), await make(client, name="Ilze", phone="+37126123456", city="Rīga")
        await order(client, ilze, 1)
        answer = await client.post("/v1/merges/preview", json={"survivor_id": anna, "merged_id": ilze})
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert (shown["survivor_id"], shown["merged_id"], shown["record_ids"], shown["moves"]["orders"]) == (anna, ilze, [ilze], 1)
        assert [(each["field"], each["survivor"], each["merged"], each["winner"], each["reason"]) for each in shown["fields"]] == [
            ("name", "Anna", "Ilze", "survivor", "survivor"),
            ("phone", None, "+37126123456", "merged", "merged"),
        ]
        await merge(client, anna, ilze, token=shown["token"])
        together = await read(client, anna)
        for each in shown["fields"]:
            assert together[each["field"]] == each[each["winner"]]

    async def test_what_only_the_service_writes_down_outdates_no_token(self, client):
        anna, ilze = await make(client, name="Anna"), await make(client, name="Ilze")
        token = (await client.post("/v1/merges/preview", json={"survivor_id": anna, "merged_id": ilze})).json()["token"]
        question = {"customer_id": ilze, "purpose": "newsletter", "channel": "email"}
        assert (await client.post("/v1/consents/check", json=question)).status_code == 200
        assert (await client.get("/v1/audit", params={"customer_id": ilze})).json()["data"]
        again = (await client.post("/v1/merges/preview", json={"survivor_id": anna, "merged_id": ilze})).json()
        assert (again["token"], again["moves"]) == (token, {})

    async def test_tells_which_consent_counts(self, client):
        anna, ilze = await make(client, name="Anna"), await make(client, name="Ilze")
        for customer, granted in ((anna, True), (ilze, False)):
            consent = {"granted": granted, "source": "form", "text_version": "v1"}
            answer = await client.put(f"/v1/customers/{customer}/consents/newsletter/email", json=consent)
            assert answer.status_code == 200, answer.text
        shown = (await client.post("/v1/merges/preview", json={"survivor_id": anna, "merged_id": ilze})).json()
        told = {"purpose": "newsletter", "channel": "email", "survivor": "granted", "merged": "withdrawn", "result": "withdrawn"}
        assert shown["consents"] == [told]

    async def test_hides_contact_data_from_who_may_not_see_it(self, client):
        anna, ilze = await make(client, name="Anna"), await make(client, name="Ilze", city="Ogre")
        key = (await client.post("/v1/api-keys", json={"name": "x", "scopes": ["customers:read", "customers:write"]})).json()["key"]
        headers = {"authorization": f"Bearer {key}"}
        pair = {"survivor_id": anna, "merged_id": ilze}
        fields = (await client.post("/v1/merges/preview", json=pair, headers=headers)).json()["fields"]
        assert [(each["field"], each["survivor"], each["merged"]) for each in fields] == [("city", None, "Ogre"), ("name", "A***", "I***")]
        for path in ("history", "provenance"):
            assert "Anna" not in (await client.get(f"/v1/customers/{anna}/{path}", headers=headers)).text
            assert "Anna" in (await client.get(f"/v1/customers/{anna}/{path}")).text

    @pytest.mark.parametrize("change", ["patch", "order", "merge"])
    async def test_a_token_fails_when_the_world_changed(self, client, change):
        anna, ilze, third = [await make(client, name=name) for name in ("Anna", "Ilze", "Third")]
        token = (await client.post("/v1/merges/preview", json={"survivor_id": anna, "merged_id": ilze})).json()["token"]
        if change == "patch":
            await patch(client, ilze, city="Ogre")
        elif change == "order":
            await order(client, ilze, 1)
        else:
            await merge(client, ilze, third)
        answer = await client.post("/v1/merges", json={"survivor_id": anna, "merged_id": ilze, "token": token})
        assert (answer.status_code, answer.json()["code"]) == (409, "preview_outdated")
        assert (await read(client, ilze))["id"] == ilze

    async def test_two_who_are_one_already(self, client):
        anna, ilze, third = [await make(client, name=name) for name in ("Anna", "Ilze", "Third")]
        await merge(client, anna, ilze)
        await merge(client, ilze, third)
        for pair in ((anna, ilze), (ilze, anna), (third, ilze), (anna, anna)):
            for path in ("/v1/merges", "/v1/merges/preview"):
                answer = await client.post(path, json=dict(zip(("survivor_id", "merged_id"), pair, strict=True)))
                assert (answer.status_code, answer.json()["code"]) == (409, "already_one")

    @pytest.mark.parametrize("path", ["/v1/merges", "/v1/merges/preview"])
    async def test_unknown_customers(self, client, path):
        anna = await make(client, name="Anna")
        answer = await client.post(path, json={"survivor_id": anna, "merged_id": "cus_00000000000000000000000000"})
        assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


async def test_merges_are_listed_and_read(client):
    ids = [await make(client, name=str(number)) for number in range(4)]
    first, second = await merge(client, ids[0], ids[1], reason="x"), await merge(client, ids[0], ids[2])
    await undo(client, first)

    async def listed(**query) -> list[str]:
        return [each["id"] for each in (await client.get("/v1/merges", params=query)).json()["data"]]

    assert await listed() == [second, first]
    assert await listed(state="undone") == [first]
    assert await listed(state="live") == [second]
    assert await listed(customer_id=ids[2]) == [second, first]
    assert await listed(customer_id=ids[1]) == [first]
    assert await listed(customer_id=ids[3]) == await listed(customer_id="cus_unknown") == []
    shown = (await client.get(f"/v1/merges/{first}")).json()
    assert (shown["survivor_id"], shown["merged_id"], shown["reason"]) == (ids[0], ids[1], "x")
    unknown = await client.get("/v1/merges/mrg_unknown")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "merge_not_found")
    assert (await client.post("/v1/merges/mrg_unknown/undo")).status_code == 404


class TestTogether:
    """Several at once, on a database with real commits."""

    async def test_two_merges_of_the_same_two_in_both_directions(self, committed_client):
        anna, ilze = await make(committed_client, name="Anna"), await make(committed_client, name="Ilze")
        pairs = [(anna, ilze), (ilze, anna)] * 5
        drafts = [{"survivor_id": survivor, "merged_id": merged} for survivor, merged in pairs]
        answers = await asyncio.gather(*(committed_client.post("/v1/merges", json=draft) for draft in drafts))
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9

    async def test_merges_in_a_circle(self, committed_client):
        ids = [await make(committed_client, name=str(number)) for number in range(6)]
        pairs = [(ids[number], ids[(number + 1) % 6]) for number in range(6)]
        drafts = [{"survivor_id": survivor, "merged_id": merged} for survivor, merged in pairs]
        answers = await asyncio.gather(*(committed_client.post("/v1/merges", json=draft) for draft in drafts))
        assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409]
        assert len({(await read(committed_client, each))["id"] for each in ids}) == 1

    async def test_links_of_one_tree_are_undone_at_once(self, committed_client):
        ids = [await make(committed_client, name=str(number), city=f"City {number}") for number in range(6)]
        merges = [await merge(committed_client, ids[number], ids[number + 1]) for number in reversed(range(5))]
        answers = await asyncio.gather(*(committed_client.post(f"/v1/merges/{each}/undo") for each in [*merges, *merges]))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409] * 5
        shown = [await read(committed_client, each) for each in ids]
        assert [(each["id"], each["city"]) for each in shown] == [(ids[number], f"City {number}") for number in range(6)]

    async def test_upserts_against_merges_and_their_undoing(self, committed_client):
        items = [{"external_id": f"U-{number}", "name": "x"} for number in range(4)]
        ids = [each["id"] for each in (await committed_client.post("/v1/customers/batch", json={"items": items})).json()["results"]]

        # No more at once than the pool has connections to wait with.
        at_once = asyncio.Semaphore(6)

        async def upsert(number: int) -> int:
            pair = [{"external_id": f"U-{(number + step) % 4}", "attributes": {f"n{number}": number}} for step in (0, 2)]
            async with at_once:
                answer = await committed_client.post("/v1/customers/batch", json={"items": pair[:: 1 if number % 2 else -1]})
            return answer.status_code

        async def join() -> list[int]:
            statuses = []
            for survivor, merged in ((0, 1), (2, 3), (0, 2)):
                answer = await committed_client.post("/v1/merges", json={"survivor_id": ids[survivor], "merged_id": ids[merged]})
                statuses.append(answer.status_code)
                if merged == 3:
                    statuses.append((await committed_client.post(f"/v1/merges/{answer.json()['id']}/undo")).status_code)
            return statuses

        *statuses, joined = await asyncio.gather(*(upsert(number) for number in range(50)), join())
        assert statuses == [200] * 50
        assert joined == [201, 201, 200, 201]
        assert [(await read(committed_client, each))["id"] for each in ids] == [ids[0], ids[0], ids[0], ids[3]]
        history = (await committed_client.get(f"/v1/customers/{ids[0]}/history", params={"limit": 100})).json()["data"]
        assert {each["record_id"] for each in history} == set(ids[:3])

    async def test_a_merge_against_edits(self, committed_client):
        anna, ilze = await make(committed_client, name="Anna"), await make(committed_client, name="Ilze")

        async def edit(number: int) -> int:
            path = f"/v1/customers/{(anna, ilze)[number % 2]}"
            for _ in range(100):
                etag = (await committed_client.get(path)).headers["etag"]
                answer = await committed_client.patch(path, json={"attributes": {f"e{number}": number}}, headers={"if-match": etag})
                if answer.status_code != 412:
                    return answer.status_code
            return 0

        draft = {"survivor_id": anna, "merged_id": ilze}
        merging = asyncio.create_task(committed_client.post("/v1/merges", json=draft))
        assert await asyncio.gather(*(edit(number) for number in range(10))) == [200] * 10
        assert (await merging).status_code == 201
        assert (await read(committed_client, ilze))["attributes"] == {f"e{number}": number for number in range(10)}
