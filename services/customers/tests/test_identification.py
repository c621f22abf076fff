"""Who is seen with some identifiers is found or made, once, and no tablet at the till makes two strangers one."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.identification.rules import WEAK, carried_by, known_by
from customers.identities.errors import CustomerAmbiguous, IdentitiesDisagree
from customers.identities.rules import KINDS, Found, Identity

ROOTS = st.frozensets(st.sampled_from(["cus_a", "cus_b"]))
FOUND = st.lists(st.builds(Found, st.builds(Identity, st.sampled_from(KINDS), st.just("x")), ROOTS), min_size=1, max_size=4)


class TestRules:
    @given(FOUND)
    def test_a_device_decides_only_where_nothing_else_is_told(self, found):
        strong = [each for each in found if each.identity.kind not in WEAK]
        try:
            known = known_by(found)
        except (IdentitiesDisagree, CustomerAmbiguous):
            return
        deciding = strong or found
        if known is None:
            assert not any(each.roots for each in deciding)
        else:
            assert all(known[0] in each.roots for each in deciding if each.roots)
            assert set(known[1]) <= {each.identity.kind for each in deciding}

    @given(FOUND)
    def test_only_one_can_have_carried_them_all(self, found):
        carrier = carried_by(found)
        if carrier is not None:
            had = [each.roots for each in found if each.identity.kind in WEAK and each.roots]
            assert had
            assert frozenset.intersection(*had) == {carrier}


def seen(**values):
    return {"identities": [{"kind": kind, "value": value} for kind, value in values.items()]}


async def identify(client, profile=None, **values):
    answer = await client.post("/v1/customers/identify", json=seen(**values) | ({"profile": profile} if profile else {}))
    assert answer.status_code in (200, 201), answer.text
    assert (answer.status_code == 201) == answer.json()["created"]
    return answer.json()


async def kinds(client, customer_id) -> dict[str, str]:
    return {each["kind"]: each["value"] for each in (await client.get(f"/v1/customers/{customer_id}/identities")).json()["data"]}


async def test_somebody_new_is_made_and_found_again_by_each_of_his_identifiers(client):
    made = await identify(client, {"name": "Ilze", "source": "app"}, email="Ilze@Example.com", phone="+371 26123456", device="A1-B2")
    shown = (await client.get(f"/v1/customers/{made['customer_id']}")).json()
    assert (shown["name"], shown["email"], shown["phone"]) == ("Ilze", "ilze@example.com", "+37126123456")
    for values in ({"email": "ILZE@example.com"}, {"phone": "+37126123456"}, {"device": "a1b2"}):
        again = await identify(client, **values)
        assert (again["customer_id"], again["resolved_by"]) == (made["customer_id"], list(values))
    assert await kinds(client, made["customer_id"]) == {"email": "ilze@example.com", "phone": "+37126123456", "device": "a1b2"}


async def test_what_is_not_his_yet_is_noted_and_his_profile_told(client):
    made = await identify(client, email="ilze@example.com")
    again = await identify(client, {"city": "Riga"}, email="ilze@example.com", card="7777-1", device="d-1")
    assert (again["customer_id"], again["created"]) == (made["customer_id"], False)
    assert (await kinds(client, made["customer_id"])).keys() == {"email", "card", "device"}
    assert (await client.get(f"/v1/customers/{made['customer_id']}")).json()["city"] == "Riga"
    assert (await identify(client, card="77771"))["customer_id"] == made["customer_id"]
    told = (await client.get("/v1/audit", params={"action": "contact_resolved"})).json()["data"]
    assert [each["fields"] for each in told] == [["card"], ["email"]]


async def test_a_visitor_tells_who_he_is(client):
    visitor = await identify(client, device="d-1")
    known = await identify(client, device="d-1", email="ilze@example.com")
    assert (known["customer_id"], known["created"], known["resolved_by"]) == (visitor["customer_id"], False, ["device"])
    assert (await client.get(f"/v1/customers/{visitor['customer_id']}")).json()["email"] == "ilze@example.com"


async def test_the_tablet_at_the_till_makes_no_two_strangers_one(client):
    people = [await identify(client, device="till", email=f"person{number}@example.com") for number in range(6)]
    assert len({each["customer_id"] for each in people}) == 6
    # Four had it: more than the rules let share a device, so it leads to nobody any more.
    assert [each["ignored"] for each in people[:4]] == [[]] * 4
    assert people[4]["ignored"] == people[5]["ignored"] == [{"kind": "device", "reason": "shared"}]
    alone = await client.post("/v1/customers/identify", json=seen(device="till"))
    assert (alone.status_code, alone.json()["code"]) == (404, "customer_not_resolved")


async def test_identifiers_of_two_are_refused_and_change_nothing(client):
    one, two = await identify(client, email="a@example.com"), await identify(client, phone="+37126123456")
    both = await client.post("/v1/customers/identify", json=seen(email="a@example.com", phone="+37126123456", card="1"))
    assert (both.status_code, both.json()["code"]) == (409, "identities_disagree")
    assert "card" not in (await kinds(client, one["customer_id"])) | (await kinds(client, two["customer_id"]))


async def test_what_identifies_nobody_makes_nobody(client):
    refused = await client.post("/v1/customers/identify", json=seen(email="info@example.com", external_id="null"))
    assert (refused.status_code, refused.json()["code"]) == (404, "customer_not_resolved")
    made = await identify(client, email="info@example.com", phone="+37126123456")
    assert made["ignored"] == [{"kind": "email", "reason": "blocked"}]
    assert (await client.get(f"/v1/customers/{made['customer_id']}")).json()["email"] is None
    bad = await client.post("/v1/customers/identify", json=seen(phone="12"))
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/identities/0/value")


async def test_a_limit_is_told(client):
    limits = {"card": {"max_customers": 2, "max_values": 1}}
    version = (await client.get("/v1/identity-rules")).headers["etag"]
    await client.put("/v1/identity-rules", json={"limits": limits, "blocked": []}, headers={"if-match": version})
    made = await identify(client, email="a@example.com", card="1")
    again = await identify(client, email="a@example.com", card="2")
    assert (again["customer_id"], again["ignored"]) == (made["customer_id"], [{"kind": "card", "reason": "limit"}])


async def test_who_was_erased_does_not_come_back(client):
    made = await identify(client, email="ilze@example.com", card="1")
    await client.post("/v1/erasures", json={"customer_id": made["customer_id"]})
    for values in ({"email": "ilze@example.com"}, {"card": "1"}):
        refused = await client.post("/v1/customers/identify", json=seen(**values))
        assert (refused.status_code, refused.json()["code"]) == (409, "identity_erased"), refused.text


@pytest.mark.parametrize("kind", ["email", "device"])
async def test_two_who_see_somebody_new_make_one(committed_client, kind):
    body = seen(**{kind: "new@example.com"})
    answers = await asyncio.gather(*(committed_client.post("/v1/customers/identify", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["customer_id"] for answer in answers}) == 1
