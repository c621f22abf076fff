"""Erasure: all that is kept goes at once, the proof grows by receipts, and it is never complete without all of them."""

import asyncio
from datetime import UTC, datetime
from itertools import permutations

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from privacy_answers import CONFIRMED, KEYS, hear, receipt_of

from customers.privacy.erasures import suppression
from customers.privacy.erasures.rules import Kept, certificate_claims, faults_of_receipts
from customers.privacy.erasures.service import on_erasures_confirmed
from customers.privacy.followers import SERVICES, missing
from shared.contracts.customers import CustomerErased
from shared.following.receipts import Receipt, chain, sign_receipt, verify_claims, verify_receipt
from shared.http.tokens import SigningKey
from shared.messaging.handlers import PermanentError

AT = datetime(2026, 5, 1, tzinfo=UTC)
OTHERS = sorted(CONFIRMED)
PERSON = {"name": "Ilze Erasedova", "email": "Ilze@Example.com", "phone": "+37126123456", "external_id": "C-1", "city": "Rīga"}


@pytest.fixture
async def customer(client) -> str:
    return (await client.post("/v1/customers", json=PERSON)).json()["id"]


async def erase(client, customer, **more):
    answer = await client.post("/v1/erasures", json={"customer_id": customer} | more)
    assert answer.status_code == 202, answer.text
    return answer.json()


class TestRules:
    def test_each_service_must_answer(self):
        assert SERVICES == ("analytics", "customers", "feedback", "loyalty")
        assert missing({"customers", "feedback"}) == ["analytics", "loyalty"]
        assert missing(set(SERVICES)) == []

    @given(st.permutations(SERVICES))
    def test_the_certificate_knows_no_order_of_arrival(self, services):
        def of(order):
            return certificate_claims("era_1", "cus_1", ["cus_2", "cus_1"], AT, [Kept(each, f"{each}.x", "k") for each in order])

        assert of(services) == of(SERVICES)
        assert of(services)["chain"] == chain((each, f"{each}.x") for each in SERVICES)

    @given(st.sampled_from(SERVICES), st.sampled_from(["erasure_id", "customer_id", "service", "key", "unknown", "none"]))
    def test_every_fault_of_a_receipt_is_named(self, service, wrong):
        key, other = SigningKey.generate(), SigningKey.generate()
        fields = {"erasure_id": "era_1", "customer_id": "cus_1", "service": service}
        if wrong in fields:
            fields[wrong] = "another"
        receipt = sign_receipt(other if wrong == "key" else key, Receipt(**fields, erased={}, erased_at=AT))
        pinned = {} if wrong == "unknown" else {service: key.jwk}
        faults = faults_of_receipts("era_1", "cus_1", [Kept(service, receipt, key.kid)], pinned)
        assert [fault.partition(":")[0] for fault in faults] == ([] if wrong == "none" else [service])


async def test_an_erased_customer_is_gone_at_once(client, customer, published):
    await client.put(f"/v1/customers/{customer}/consents/marketing/email", json={"granted": True, "source": "x", "text_version": "1"})
    erasure = await erase(client, customer)
    assert (erasure["status"], erasure["certificate"], erasure["missing"]) == ("incomplete", None, OTHERS)
    assert erasure["customer_ids"] == [customer]
    [own] = erasure["receipts"]
    assert own["service"] == "customers"
    assert own["erased"]["consents"] == own["erased"]["profiles"] == 1
    for path in ("", "/consents", "/orders", "/timeline"):
        assert (await client.get(f"/v1/customers/{customer}{path}")).status_code == 404, path
    listed = (await client.get("/v1/customers", params={"q": "Erasedova"})).json()["data"]
    assert listed == []
    check = await client.post("/v1/consents/check", json={"customer_id": customer, "purpose": "marketing", "channel": "email"})
    assert check.status_code == 404
    [(event, sequence)] = await published("erasure")
    assert isinstance(event, CustomerErased)
    assert (event.erasure_id, event.customer_ids, sequence) == (erasure["id"], [customer], 1)
    assert (await client.get(f"/v1/erasures/{erasure['id']}")).json() == erasure
    assert (await client.get("/v1/erasures")).json()["data"] == [erasure]


async def test_nobody_is_erased_twice(client, customer):
    await erase(client, customer)
    again = await client.post("/v1/erasures", json={"customer_id": customer})
    assert (again.status_code, again.json()["code"]) == (404, "customer_not_found")
    assert (await client.get("/v1/erasures/nothing")).json()["code"] == "erasure_not_found"


@pytest.mark.parametrize("order", list(permutations(OTHERS)))
async def test_the_last_receipt_completes_it(client, database, customer, order):
    erasure = await erase(client, customer)
    for number, service in enumerate(order, 1):
        await hear(database, on_erasures_confirmed, receipt_of(service, erasure))
        shown = (await client.get(f"/v1/erasures/{erasure['id']}")).json()
        assert (shown["status"] == "complete") == (number == len(OTHERS))
        assert (shown["certificate"] is not None) == (number == len(OTHERS))
        assert shown["missing"] == sorted(set(OTHERS) - set(order[:number]))
    verified = await client.post(f"/v1/erasures/{erasure['id']}/verify")
    assert verified.json() == {"valid": True, "status": "complete", "faults": []}


async def test_anybody_verifies_the_certificate_with_what_is_shown(client, database, customer):
    erasure = await erase(client, customer)
    await hear(database, on_erasures_confirmed, *(receipt_of(service, erasure) for service in OTHERS))
    shown = (await client.get(f"/v1/erasures/{erasure['id']}")).json()
    async with database.acquire() as connection:
        keys = {row["service"]: row["jwk"] for row in await connection.fetch("SELECT service, jwk FROM pinned_keys")}
    claims = verify_claims(shown["certificate"], "erasure-certificate+jws", keys["customers"])
    assert claims["chain"] == chain((each["service"], each["receipt"]) for each in shown["receipts"])
    for each in shown["receipts"]:
        assert verify_receipt(each["receipt"], keys[each["service"]]).erased == each["erased"]


async def test_a_receipt_that_comes_twice_counts_once(client, database, customer):
    erasure = await erase(client, customer)
    receipts = [receipt_of(service, erasure) for service in OTHERS]
    await hear(database, on_erasures_confirmed, receipts[0], receipts[0])
    await hear(database, on_erasures_confirmed, receipts[0])
    assert (await client.get(f"/v1/erasures/{erasure['id']}")).json()["missing"] == OTHERS[1:]
    await hear(database, on_erasures_confirmed, *receipts)
    complete = (await client.get(f"/v1/erasures/{erasure['id']}")).json()
    await hear(database, on_erasures_confirmed, *receipts)
    assert (await client.get(f"/v1/erasures/{erasure['id']}")).json() == complete


async def test_a_service_that_is_dead_leaves_it_incomplete(client, database, customer):
    erasure = await erase(client, customer)
    await hear(database, on_erasures_confirmed, *(receipt_of(service, erasure) for service in OTHERS[:-1]))
    verified = (await client.post(f"/v1/erasures/{erasure['id']}/verify")).json()
    assert verified == {"valid": False, "status": "incomplete", "faults": [f"{OTHERS[-1]}: its receipt is missing"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": SigningKey.generate()},
        {"jwk": dict(SigningKey.generate().jwk)},
        {"jwk": {}},
        {"receipt": "no receipt"},
        {"signed_erasure_id": "era_other"},
        {"signed_customer_id": "cus_other"},
        {"signed_service": "customers"},
        {"erasure_id": "era_unknown"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_forged_receipt_is_refused(client, database, customer, wrong):
    first = await erase(client, (await client.post("/v1/customers", json={})).json()["id"])
    await hear(database, on_erasures_confirmed, receipt_of("loyalty", first))
    erasure = await erase(client, customer)
    with pytest.raises(PermanentError):
        await hear(database, on_erasures_confirmed, receipt_of("loyalty", erasure, **wrong))
    shown = (await client.get(f"/v1/erasures/{erasure['id']}")).json()
    assert (shown["status"], "loyalty" in shown["missing"]) == ("incomplete", True)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE erasure_receipts SET receipt = receipt || 'x' WHERE service = 'loyalty'", "loyalty:"),
        ("DELETE FROM erasure_receipts WHERE service = 'feedback'", "feedback:"),
        ("UPDATE erasures SET completed_at = completed_at - interval '1 day'", "certificate:"),
        ("UPDATE erasures SET certificate = certificate || 'x'", "certificate:"),
        ("UPDATE erasures SET customer_ids = '{cus_x}'", "certificate:"),
    ],
)
async def test_a_proof_that_was_changed_is_found(client, database, customer, statement, fault):
    erasure = await erase(client, customer)
    await hear(database, on_erasures_confirmed, *(receipt_of(service, erasure) for service in OTHERS))
    async with database.acquire() as connection:
        await connection.execute(statement)
    verified = (await client.post(f"/v1/erasures/{erasure['id']}/verify")).json()
    assert not verified["valid"]
    assert any(each.startswith(fault) for each in verified["faults"])


class TestComingBack:
    @pytest.mark.parametrize("field", ["email", "phone", "external_id"])
    async def test_an_erased_identity_is_refused(self, client, customer, field):
        await client.post("/v1/customers", json={"name": "Somebody else"})
        await erase(client, customer)
        value = PERSON[field].upper() if field == "email" else PERSON[field]
        refused = await client.post("/v1/customers", json={field: value})
        assert (refused.status_code, refused.json()["code"]) == (409, "identity_erased")
        assert (await client.post("/v1/customers", json={"city": PERSON["city"]})).status_code == 201

    async def test_nor_can_it_be_given_to_somebody_else(self, client, customer):
        other = await client.post("/v1/customers", json={"external_id": "C-2"})
        await erase(client, customer)
        headers = {"if-match": other.headers["etag"]}
        refused = await client.patch(f"/v1/customers/{other.json()['id']}", json={"phone": PERSON["phone"]}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "identity_erased")

    async def test_a_batch_refuses_it_and_takes_the_others(self, client, customer):
        await erase(client, customer)
        items = [{"external_id": "C-9"}, {"external_id": PERSON["external_id"]}, {"external_id": "C-8", "email": PERSON["email"]}]
        results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
        assert [each["status"] for each in results] == [201, 409, 409]
        assert {each["problem"]["code"] for each in results[1:]} == {"identity_erased"}

    @pytest.mark.parametrize("path", ["/v1/orders", "/v1/interactions"])
    async def test_nor_do_orders_and_interactions_bring_him_back(self, client, customer, clock, path):
        await erase(client, customer)
        order = {"placed_at": clock.now().isoformat(), "currency": "EUR", "lines": [{"sku": "x", "quantity": 1, "amount_minor": 1}]}
        item = order if path == "/v1/orders" else {"kind": "call"}
        theirs, others = {"customer_external_id": PERSON["external_id"]}, {"customer_external_id": "C-7"}
        alone = await client.post(path, json=item | theirs)
        assert (alone.status_code, alone.json()["code"]) == (409, "identity_erased")
        batch = await client.post(f"{path}/batch", json={"items": [item | others, item | theirs, item | others]})
        results = batch.json()["results"]
        assert [each["status"] for each in results] == [201, 409, 201]
        assert results[1]["problem"]["code"] == "identity_erased"

    async def test_it_starts_anew_when_the_policy_says_so(self, client, customer):
        await erase(client, customer, reimport="anew")
        anew = await client.post("/v1/customers", json=PERSON)
        assert anew.status_code == 201
        assert anew.json()["id"] != customer
        assert (await client.get(f"/v1/customers/{customer}")).status_code == 404

    async def test_a_former_address_is_refused_too(self, client, customer):
        shown = await client.get(f"/v1/customers/{customer}")
        await client.patch(f"/v1/customers/{customer}", json={"email": "new@example.com"}, headers={"if-match": shown.headers["etag"]})
        await erase(client, customer)
        assert (await client.post("/v1/customers", json={"email": PERSON["email"]})).status_code == 409

    async def test_nothing_of_the_identity_is_kept(self, client, database, customer):
        await erase(client, customer)
        async with database.acquire() as connection:
            digests = [row["digest"] for row in await connection.fetch("SELECT digest FROM suppressions")]
            known = await connection.fetchval("SELECT sha256(convert_to('email:ilze@example.com', 'UTF8'))")
        assert len(digests) == 3
        assert known not in digests

    async def test_places_of_a_batch(self, client, database, customer):
        async with database.acquire() as connection:
            assert await suppression.places_refused(connection, [PERSON]) == set()
        await erase(client, customer)
        profiles = [
            {"email": "a@b.lv"},
            {"email": "ILZE@example.com"},
            {},
            {"phone": PERSON["phone"], "email": "x@y.lv"},
            {"external_id": None},
        ]
        async with database.acquire() as connection:
            assert await suppression.places_refused(connection, profiles) == {1, 3}
            assert await suppression.places_refused(connection, []) == set()


async def test_all_records_of_a_family_are_erased(client, customer, published):
    other = (await client.post("/v1/customers", json={"name": "Ilze E.", "email": "other@example.com"})).json()["id"]
    merged = await client.post("/v1/merges", json={"survivor_id": customer, "merged_id": other})
    assert merged.status_code < 300, merged.text
    erasure = await erase(client, other)
    assert (erasure["customer_id"], sorted(erasure["customer_ids"])) == (customer, sorted([customer, other]))
    for each in (customer, other):
        assert (await client.get(f"/v1/customers/{each}")).status_code == 404
    assert (await client.post("/v1/customers", json={"email": "other@example.com"})).status_code == 409


async def test_a_withdrawal_is_not_lost_by_merging(client):
    """The case of Mautic #16118, over HTTP: and unmerging gives each his own answer back."""
    ids = [(await client.post("/v1/customers", json={"name": name})).json()["id"] for name in ("Ilze", "Ilze B.")]
    for each, granted in zip(ids, (True, False), strict=True):
        answer = {"granted": granted, "source": "form", "text_version": "1"}
        await client.put(f"/v1/customers/{each}/consents/marketing/email", json=answer)
    merge = (await client.post("/v1/merges", json={"survivor_id": ids[0], "merged_id": ids[1]})).json()

    async def allowed() -> list[bool]:
        questions = [{"customer_id": each, "purpose": "marketing", "channel": "email"} for each in ids]
        return [(await client.post("/v1/consents/check", json=each)).json()["allowed"] for each in questions]

    assert await allowed() == [False, False]
    answer = {"granted": True, "source": "form", "text_version": "1"}
    await client.put(f"/v1/customers/{ids[0]}/consents/marketing/email", json=answer)
    # He was asked again as the one customer that he is.
    assert await allowed() == [True, True]
    assert (await client.post(f"/v1/merges/{merge['id']}/undo")).status_code < 300
    assert await allowed() == [True, False]


async def test_a_write_that_races_an_erasure_is_refused_or_erased(committed_client, committed_database):
    client = committed_client
    for _ in range(5):
        customer = (await client.post("/v1/customers", json={"name": "Racer"})).json()["id"]
        answer = {"granted": True, "source": "racing", "text_version": "1"}
        writes = [client.put(f"/v1/customers/{customer}/consents/news/email", json=answer) for _ in range(4)]
        answers = await asyncio.gather(*writes, client.post("/v1/erasures", json={"customer_id": customer}))
        assert answers[-1].status_code == 202
        assert {each.status_code for each in answers[:-1]} <= {200, 404}
    async with committed_database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM consents") == 0
        assert await connection.fetchval("SELECT count(*) FROM consent_history") == 0


async def test_the_same_key_signs_all_receipts(client, database):
    ids = [(await client.post("/v1/customers", json={})).json()["id"] for _ in range(2)]
    kids = {(await erase(client, each))["receipts"][0]["kid"] for each in ids}
    assert len(kids) == 1
    async with database.acquire() as connection:
        with pytest.raises(asyncpg.UniqueViolationError):
            async with connection.transaction():
                await connection.execute("INSERT INTO receipt_keys (kid, private_key) VALUES ('x', '')")
    assert set(KEYS) == set(OTHERS)
