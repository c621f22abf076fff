"""Identities over HTTP: resolution, limits and blocked values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.identities import service
from customers.identities.errors import CustomerAmbiguous, IdentitiesDisagree, IdentityRefused, NobodyResolved
from customers.identities.rules import (
    DEFAULT_RULES,
    KINDS,
    Block,
    Found,
    Identity,
    IdentityRules,
    Limit,
    agreed,
    email_key,
    is_blocked,
    is_over_shared,
    normal,
    read_rules,
    written_rules,
)

ROOTS = st.frozensets(st.sampled_from(["cus_a", "cus_b", "cus_c"]))
FOUND = st.lists(st.builds(Found, st.just(Identity("device", "x")), ROOTS), max_size=5)
BLOCKS = st.builds(Block, st.text(min_size=1, max_size=8).filter(lambda text: "*" not in text), st.sampled_from([None, *KINDS]))
LIMITS = st.builds(Limit, st.integers(1, 100), st.none() | st.integers(1, 9), st.none() | st.integers(1, 9))
RULES = st.builds(IdentityRules, st.dictionaries(st.sampled_from(KINDS), LIMITS), st.lists(BLOCKS, max_size=4).map(tuple))
LOCAL_PARTS = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,3})?", fullmatch=True)


class TestRules:
    @given(FOUND)
    def test_what_is_agreed_is_held_by_all_that_somebody_holds(self, found):
        known = [each.roots for each in found if each.roots]
        try:
            customer = agreed(found)
        except NobodyResolved:
            assert not known
        except IdentitiesDisagree:
            assert not frozenset.intersection(*known)
        except CustomerAmbiguous:
            assert len(frozenset.intersection(*known)) > 1
        else:
            assert all(customer in roots for roots in known)
            assert known

    @given(FOUND, st.randoms())
    def test_the_order_does_not_matter(self, found, shuffler):
        def outcome(these):
            try:
                return agreed(these)
            except (NobodyResolved, IdentitiesDisagree, CustomerAmbiguous) as error:
                return error.code

        turned = list(found)
        shuffler.shuffle(turned)
        assert outcome(turned) == outcome(found)

    @given(RULES)
    def test_rules_are_read_as_they_were_written(self, rules):
        assert read_rules(written_rules(rules)) == rules

    @given(BLOCKS, st.text(max_size=5), st.sampled_from(KINDS))
    def test_a_pattern_blocks_what_it_says_in_any_case(self, block, more, kind):
        rules = IdentityRules({}, (block,))
        blocked = block.kind in (None, kind)
        assert is_blocked(rules, kind, block.pattern) == blocked
        starred = IdentityRules({}, (Block(f"{block.pattern}*", block.kind),))
        assert is_blocked(starred, kind, f"{block.pattern.lower()}{more}".lower()) == blocked

    @pytest.mark.parametrize("value", ["null@example.com", "NULL@x.lv", "info@company.lv", "unknown@x.y", "noreply@shop.lv"])
    def test_mailboxes_of_nobody_are_blocked_from_the_start(self, value):
        assert is_blocked(DEFAULT_RULES, "email", value)

    @pytest.mark.parametrize("value", ["nullmann@example.com", "information@x.lv", "ilze@example.com", "testa@x.lv"])
    def test_people_are_not(self, value):
        assert not is_blocked(DEFAULT_RULES, "email", value)

    @given(st.integers(0, 50), LIMITS)
    def test_one_customer_too_many_is_too_many(self, customers, limit):
        rules = IdentityRules({"device": limit}, ())
        assert is_over_shared(rules, "device", customers) == (customers > limit.max_customers)

    @given(st.sampled_from(["card", "device", "account", "external_id"]), st.text(max_size=30))
    def test_a_normal_form_is_its_own(self, kind, value):
        try:
            once = normal(kind, value, "shop")
        except IdentityRefused:
            return
        assert normal(kind, once.value, "shop") == once

    @given(
        st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,3})?", fullmatch=True),
        st.sampled_from(["gmail.com", "example.com"]),
        st.text("xyz", max_size=3),
    )
    def test_a_tag_does_not_make_another_mailbox(self, local, domain, tag):
        assert email_key(f"{local}+{tag}@{domain}") == email_key(f"{local}@{domain}")
        assert email_key(email_key(f"{local}@{domain}")) == email_key(f"{local}@{domain}")


async def make(client, **fields):
    answer = await client.post("/v1/customers", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def resolved(client, **asked):
    answer = await client.get("/v1/customers/resolve", params=asked)
    return answer.json()["id"] if answer.status_code == 200 else (answer.status_code, answer.json()["code"])


async def give(client, customer_id, **identity):
    return await client.post(f"/v1/customers/{customer_id}/identities", json=identity)


async def link(database, merged, survivor):
    """Merge two records as the links tell it."""
    async with database.acquire() as connection:
        await connection.execute("UPDATE customers SET merged_into = $2, root_id = $2 WHERE id = $1", merged, survivor)


async def test_a_profile_s_identities_resolve(client):
    ilze = await make(client, name="Ilze", email="Ilze@Example.com", phone="+37126123456", external_id="C-1")
    assert await resolved(client, email="ilze@EXAMPLE.com") == ilze
    assert await resolved(client, phone="+371 26 123 456") == ilze
    assert await resolved(client, external_id="C-1") == ilze
    assert await resolved(client, email="ilze@example.com", phone="+37126123456") == ilze
    answer = await client.get("/v1/customers/resolve", params={"external_id": "C-1"})
    assert answer.headers["content-location"] == f"/v1/customers/{ilze}"
    assert answer.json() == (await client.get(f"/v1/customers/{ilze}")).json()


async def test_they_are_in_step_with_the_profile(client):
    ilze = await make(client, email="old@example.com")
    await client.patch(f"/v1/customers/{ilze}", json={"email": "new@example.com"}, headers={"if-match": '"1"'})
    assert await resolved(client, email="old@example.com") == (404, "customer_not_resolved")
    assert await resolved(client, email="new@example.com") == ilze


async def test_added_identities_resolve_by_their_source(client):
    ilze, anna = await make(client), await make(client)
    assert (await give(client, ilze, kind="external_id", value="7", source="shop")).status_code == 201
    assert (await give(client, anna, kind="external_id", value="7", source="till")).status_code == 201
    assert (await give(client, ilze, kind="card", value="2600 1111-2222")).status_code == 201
    assert await resolved(client, external_id="7", source="shop") == ilze
    assert await resolved(client, external_id="7", source="till") == anna
    assert await resolved(client, card="260011112222") == ilze
    # Without a source it leads to two, more than may share an external id.
    assert await resolved(client, external_id="7") == (404, "customer_not_resolved")


async def test_identities_must_agree(client):
    await make(client, email="a@example.com")
    await make(client, phone="+37126123456")
    assert await resolved(client, email="a@example.com", phone="+37126123456") == (409, "identities_disagree")


async def test_two_who_share_an_address_are_told_apart_by_their_numbers(client):
    first = await make(client, email="family@example.com", phone="+37126123456")
    second = await make(client, email="family@example.com")
    answer = await client.get("/v1/customers/resolve", params={"email": "family@example.com"})
    assert (answer.status_code, answer.json()["code"]) == (409, "customer_ambiguous")
    assert answer.json()["customer_ids"] == sorted([first, second])
    assert await resolved(client, email="family@example.com", phone="+37126123456") == first


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, (422, "nothing_to_resolve")),
        ({"email": "nobody@example.com"}, (404, "customer_not_resolved")),
        ({"email": "null"}, (422, "identity_refused")),
        ({"phone": "12"}, (422, "identity_refused")),
        ({"device": " - "}, (422, "identity_refused")),
    ],
)
async def test_what_leads_nowhere(client, asked, expected):
    assert await resolved(client, **asked) == expected


async def test_strangers_with_the_address_null_stay_strangers(client):
    ilze = await make(client, name="Ilze", email="null@example.com")
    await make(client, name="Anna", email="null@example.com")
    assert await resolved(client, email="null@example.com") == (404, "customer_not_resolved")
    [shown] = (await client.get(f"/v1/customers/{ilze}/identities")).json()["data"]
    assert (shown["kind"], shown["standing"]) == ("email", "blocked")
    answer = await give(client, ilze, kind="account", value="NULL")
    assert (answer.status_code, answer.json()["code"]) == (422, "identity_blocked")


async def test_a_tablet_in_the_shop_leads_to_nobody_once_too_many_use_it(client):
    customers = [await make(client) for _ in range(4)]
    for number, customer in enumerate(customers, 1):
        answer = await give(client, customer, kind="device", value="iPad-1")
        assert answer.status_code == 201
        assert answer.json()["standing"] == ("resolves" if number <= 3 else "shared")
    assert await resolved(client, device="ipad1") == (404, "customer_not_resolved")
    await client.delete(f"/v1/customers/{customers[3]}/identities/{answer.json()['id']}")
    assert await resolved(client, device="ipad1") == (409, "customer_ambiguous")


async def test_identities_of_a_family_lead_to_its_root(client, database):
    survivor, merged = await make(client, email="new@example.com"), await make(client, email="old@example.com")
    await give(client, merged, kind="card", value="1234")
    await link(database, merged, survivor)
    assert await resolved(client, email="old@example.com") == survivor
    assert await resolved(client, card="1234", email="new@example.com") == survivor
    for record in (survivor, merged):
        shown = (await client.get(f"/v1/customers/{record}/identities")).json()["data"]
        assert {(each["value"], each["customer_id"]) for each in shown} == {
            ("new@example.com", survivor),
            ("old@example.com", merged),
            ("1234", merged),
        }


async def test_an_identity_seen_again_is_the_same(client):
    ilze = await make(client)
    first = await give(client, ilze, kind="device", value="d-1", seen_at="2026-02-01T00:00:00Z")
    second = await give(client, ilze, kind="device", value="D-1", seen_at="2026-01-01T00:00:00Z")
    third = await give(client, ilze, kind="device", value="D1")
    assert (first.status_code, second.status_code, third.status_code) == (201, 200, 200)
    assert first.json()["id"] == third.json()["id"]
    assert (third.json()["first_seen_at"], third.json()["last_seen_at"]) == ("2026-01-01T00:00:00Z", "2026-03-02T12:00:00Z")


async def test_a_profile_s_identity_is_changed_there(client):
    ilze = await make(client, email="ilze@example.com")
    [shown] = (await client.get(f"/v1/customers/{ilze}/identities")).json()["data"]
    answer = await client.delete(f"/v1/customers/{ilze}/identities/{shown['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_of_profile")
    answer = await client.delete(f"/v1/customers/{ilze}/identities/idn_unknown")
    assert (answer.status_code, answer.json()["code"]) == (404, "identity_not_found")
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/idn_x")):
        body = {"json": {"kind": "card", "value": "1"}} if method == "POST" else {}
        answer = await client.request(method, f"/v1/customers/cus_unknown/identities{path}", **body)
        assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")


async def test_the_rules_are_data(client):
    answer = await client.get("/v1/identity-rules")
    rules, tag = answer.json(), answer.headers["etag"]
    assert rules["limits"]["device"]["max_customers"] == 3
    rules["limits"]["card"] = {"max_customers": 1, "max_values": 2, "period_days": 30}
    rules["blocked"].append({"pattern": "kiosk*", "kind": "device"})
    assert (await client.put("/v1/identity-rules", json=rules)).status_code == 428
    assert (await client.put("/v1/identity-rules", json=rules, headers={"if-match": '"9"'})).status_code == 412
    answer = await client.put("/v1/identity-rules", json=rules, headers={"if-match": tag})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    assert (await client.get("/v1/identity-rules")).json() == answer.json() == rules
    assert (await client.put("/v1/identity-rules", json=rules, headers={"if-match": tag})).status_code == 412
    ilze = await make(client)
    assert (await give(client, ilze, kind="device", value="kiosk-7")).json()["code"] == "identity_blocked"
    assert (await give(client, ilze, kind="card", value="1", seen_at="2026-01-01T00:00:00Z")).status_code == 201
    assert [(await give(client, ilze, kind="card", value=value)).status_code for value in "234"] == [201, 201, 409]


async def test_contact_data_is_masked_for_who_may_not_see_it(client):
    ilze = await make(client, email="ilze@example.com", phone="+37126123456", external_id="C-1")
    await give(client, ilze, kind="card", value="1234567")
    key = (await client.post("/v1/api-keys", json={"name": "till", "scopes": ["customers:read"]})).json()["key"]
    answer = await client.get(f"/v1/customers/{ilze}/identities", headers={"authorization": f"Bearer {key}"})
    assert {each["value"] for each in answer.json()["data"]} == {"i***@***.com", "***56", "C-1", "12***"}
    answer = await client.get("/v1/customers/resolve", params={"card": "1234567"}, headers={"authorization": f"Bearer {key}"})
    assert answer.json()["email"] == "i***@***.com"


async def test_who_sees_it_in_the_clear_is_written_down(client):
    ilze = await make(client, email="ilze@example.com")
    await client.get(f"/v1/customers/{ilze}/identities")
    entries = (await client.get("/v1/audit", params={"customer_id": ilze, "action": "contact_read"})).json()["data"]
    assert [each["fields"] for each in entries] == [["email"]]


async def test_a_member_reads_his_own(client):
    ilze, anna = await make(client, email="ilze@example.com"), await make(client)
    token = (await client.post("/v1/member-tokens", json={"customer_id": ilze})).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    assert (await client.get(f"/v1/customers/{ilze}/identities", headers=headers)).status_code == 200
    assert (await client.get(f"/v1/customers/{anna}/identities", headers=headers)).status_code == 404
    assert (await client.get("/v1/customers/resolve", params={"email": "ilze@example.com"}, headers=headers)).status_code == 403


async def test_many_identities_are_found_together(client, database):
    ids = [await make(client, external_id=f"C-{number}", email=f"c{number}@example.com") for number in range(5)]
    asked = [Identity("external_id", f"C-{number}") for number in range(6)] + [Identity("email", "c1@example.com")]
    async with database.acquire() as connection:
        found = await service.find(connection, asked)
    assert [each.roots for each in found] == [*(frozenset({each}) for each in ids), frozenset(), frozenset({ids[1]})]


async def test_erasure_takes_identities_and_access_shows_them(client, database):
    ilze, anna = await make(client), await make(client)
    await give(client, ilze, kind="card", value="1")
    await give(client, anna, kind="card", value="2")
    async with database.acquire() as connection:
        collected = await service.collect(connection, [ilze])
        assert [each["value"] for each in collected["customer_identities"]] == ["1"]
        assert await service.erase(connection, [ilze]) == {"customer_identities": 1}
        assert await service.collect(connection, [ilze]) == {"customer_identities": []}
    assert await resolved(client, card="2") == anna


async def test_an_erased_identity_does_not_come_back(client):
    ilze = await make(client)
    await give(client, ilze, kind="card", value="99")
    erasure = await client.post("/v1/erasures", json={"customer_id": ilze, "reimport": "refuse"})
    assert erasure.status_code in (201, 202), erasure.text
    answer = await give(client, await make(client), kind="card", value="9-9")
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_erased")
    assert await resolved(client, card="99") == (404, "customer_not_resolved")
