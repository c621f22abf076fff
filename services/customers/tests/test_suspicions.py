"""What is told of customers who may be one person, or share a device or a card: in codes, in order, and taken back when it is over."""

import asyncio

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_duplicate_changes import AT, heard, looked, marked
from test_duplicates import ILZE, listed, load, load_more, scanned

from customers.duplicates import service as duplicates
from customers.duplicates import sharing
from customers.identities import repository as identities
from customers.identities.rules import MAX_SHARERS
from shared.contracts.customers import CustomerErased, DuplicateSettled, DuplicateSuspected
from shared.testing.plans import plan_of

NAMED_ALIKE = {**ILZE, "name": "Берзиня Илзе", "email": "berzina@example.com"}
SOMEBODY_ELSE = {"name": "Kārlis Ozols", "birth_date": "1990-01-01", "phone": None}


async def customer(client, **fields) -> str:
    return (await client.post("/v1/customers", json=fields)).json()["id"]


async def seen(client, customer_id: str, kind: str, value: str) -> str:
    answer = await client.post(f"/v1/customers/{customer_id}/identities", json={"kind": kind, "value": value})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


def sharings(events) -> list[tuple[set[str], list[str], int]]:
    return [({event.customer_id, event.other_id}, event.kinds, sequence) for event, sequence in events]


class TestDuplicates:
    @pytest.fixture
    async def found(self, client, database):
        ids = await load(client, [ILZE, {"name": "John Smith"}, NAMED_ALIKE])
        await marked(database, *ids)
        await looked(database)
        return ids

    async def test_a_pair_is_suspected_in_codes_and_nothing_of_who_they_are(self, found, published):
        [(event, sequence)] = await published("duplicate_pair")
        assert isinstance(event, DuplicateSuspected)
        assert (event.customer_id, event.other_id, sequence) == (found[0], found[2], 1)
        assert event.score >= 50
        assert {"birth_date_same", "phone_same"} <= set(event.reasons)
        assert all(reason.replace("_", "").isalpha() and reason.islower() for reason in event.reasons)
        assert not any(str(value) in event.model_dump_json() for value in ILZE.values())

    async def test_looking_again_tells_nothing_new(self, client, database, found, published):
        await marked(database, *found)
        await looked(database)
        await scanned(client, database)
        assert len(await published("duplicate_pair")) == 1

    async def test_a_pair_that_is_surer_is_told_again_and_one_that_is_unlike_is_settled(self, client, database, found, published):
        await client.patch(f"/v1/customers/{found[2]}", json={"email": ILZE["email"]}, headers={"if-match": '"1"'})
        await marked(database, found[2])
        await looked(database)
        await client.patch(f"/v1/customers/{found[2]}", json=SOMEBODY_ELSE | {"email": None}, headers={"if-match": '"2"'})
        await marked(database, found[2])
        await looked(database)
        (first, _), (surer, second), (unlike, third) = await published("duplicate_pair")
        assert (second, third) == (2, 3)
        assert isinstance(first, DuplicateSuspected)
        assert isinstance(surer, DuplicateSuspected)
        assert isinstance(unlike, DuplicateSettled)
        assert surer.score > first.score
        assert unlike.outcome == "unlike"

    async def test_what_a_scan_of_everybody_forgets_is_settled_too(self, client, database, found, published):
        await client.patch(f"/v1/customers/{found[2]}", json=SOMEBODY_ELSE | {"email": None}, headers={"if-match": '"1"'})
        await scanned(client, database)
        (_, _), (unlike, sequence) = await published("duplicate_pair")
        assert (unlike.outcome, sequence) == ("unlike", 2)

    @pytest.mark.parametrize(("decision", "outcome"), [("reject", "rejected"), ("confirm", "confirmed")])
    async def test_what_somebody_decides_is_told_once(self, client, found, published, decision, outcome):
        [pair] = await listed(client)
        for _ in range(2):
            answer = await client.post(f"/v1/duplicates/{pair['id']}/{decision}", json={} if decision == "confirm" else None)
            assert answer.status_code == 200, answer.text
        (_, _), (settled, sequence) = await published("duplicate_pair")
        assert (settled.outcome, sequence, settled.pair_id) == (outcome, 2, pair["id"])

    async def test_two_of_whom_nothing_was_suspected_are_settled_at_once(self, client, published):
        ids = await load_more(client, [{"name": "Anna"}, {"name": "Zane"}])
        review = {"items": [{"customer_ids": ids, "decision": "reject"}]}
        assert (await client.post("/v1/duplicates/review", json=review)).json()["results"][0]["status"] == 200
        [(settled, sequence)] = await published("duplicate_pair")
        assert (settled.outcome, sequence, {settled.customer_id, settled.other_id}) == ("rejected", 1, set(ids))


class TestShared:
    async def test_who_uses_one_device_is_told_once_a_pair_and_kind(self, client, database, published):
        one, other, third = [await customer(client) for _ in range(3)]
        await seen(client, one, "device", "tablet-7")
        await looked(database)
        assert await published("identity_sharing") == []
        await seen(client, other, "device", "TABLET 7")
        await seen(client, other, "device", "tablet-7")
        await looked(database)
        await seen(client, one, "card", "4111-1")
        await seen(client, other, "card", "41111")
        await seen(client, third, "card", "41111")
        await looked(database)
        await marked(database, one, other, third)
        await looked(database)
        assert sharings(await published("identity_sharing")) == [
            ({one, other}, ["device"], 1),
            ({one, other}, ["card", "device"], 2),
            ({one, third}, ["card"], 1),
            ({other, third}, ["card"], 1),
        ]

    async def test_what_strangers_may_share_is_no_sign(self, client, database, published):
        one, other = await customer(client), await customer(client)
        for each in (one, other):
            await seen(client, each, "email", "family@example.com")
            await seen(client, each, "external_id", "77")
        await looked(database)
        assert await published("identity_sharing") == []

    async def test_who_shares_nothing_of_a_kind_any_more_is_told(self, client, database, published):
        one, other = await customer(client), await customer(client)
        first = await seen(client, one, "device", "a")
        second = await seen(client, one, "device", "b")
        for value in ("a", "b"):
            await seen(client, other, "device", value)
        await looked(database)
        assert (await client.delete(f"/v1/customers/{one}/identities/{first}")).status_code == 204
        await looked(database)
        assert len(await published("identity_sharing")) == 1
        assert (await client.delete(f"/v1/customers/{one}/identities/{second}")).status_code == 204
        await looked(database)
        await seen(client, one, "device", "b")
        await looked(database)
        assert sharings(await published("identity_sharing"))[1:] == [({one, other}, [], 2), ({one, other}, ["device"], 3)]

    async def test_a_value_that_nobody_trusts_any_more_is_still_shared(self, client, database, published):
        # More than three customers with one device identify none of them.
        ids = [await customer(client) for _ in range(4)]
        for each in ids:
            await seen(client, each, "device", "ring-1")
        await looked(database)
        before = len(await published("identity_sharing"))
        assert before == 6
        fresh = {"identities": [{"kind": "device", "value": "ring-1"}, {"kind": "email", "value": "new@example.com"}]}
        answer = await client.post("/v1/customers/identify", json=fresh)
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["ignored"] == [{"kind": "device", "reason": "shared"}]
        await looked(database)
        told = sharings(await published("identity_sharing"))[before:]
        assert [pair for pair, _, _ in told] == [{answer.json()["customer_id"], each} for each in ids]

    async def test_of_a_till_that_very_many_use_nothing_is_told(self, client, database, published):
        ids = await load_more(client, [{"name": f"Nobody {n}"} for n in range(MAX_SHARERS)])
        async with database.acquire() as connection:
            await connection.execute(
                "INSERT INTO customer_identities (id, customer_id, kind, value, source) SELECT 'idn_' || id, id, 'device', 'till', '' "
                "FROM unnest($1::text[]) AS id",
                ids,
            )
        one = await customer(client)
        await seen(client, one, "device", "till")
        await marked(database, *ids)
        await looked(database)
        assert await published("identity_sharing") == []
        # Nor is one more noted whom it leads to nobody.
        fresh = {"identities": [{"kind": "device", "value": "till"}, {"kind": "email", "value": "new@example.com"}]}
        made = (await client.post("/v1/customers/identify", json=fresh)).json()["customer_id"]
        kinds = [each["kind"] for each in (await client.get(f"/v1/customers/{made}/identities")).json()["data"]]
        assert kinds == ["email"]

    async def test_two_who_are_seen_first_at_once_share_all_the_same(self, committed_client, committed_database):
        ids = [await customer(committed_client) for _ in range(6)]
        await asyncio.gather(*(seen(committed_client, each, "card", "5500") for each in ids), *(looked(committed_database) for _ in ids))
        await looked(committed_database)
        async with committed_database.acquire() as connection:
            rows = await connection.fetch("SELECT payload, sequence FROM event_log WHERE aggregatetype = 'identity_sharing'")
        told = [(orjson.loads(row["payload"]), row["sequence"]) for row in rows]
        pairs = {(event["customer_id"], event["other_id"]) for event, _ in told}
        assert pairs == {(one, other) for one in ids for other in ids if one < other}
        assert {sequence for _, sequence in told} == {1}
        assert len(told) == len(pairs)

    async def test_who_is_erased_shares_nothing_and_others_are_not_told_with_whom(self, client, database):
        one, other = await customer(client), await customer(client)
        for each in (one, other):
            await seen(client, each, "card", "41111")
        await looked(database)
        async with database.acquire() as connection:
            [shown] = (await duplicates.collect(connection, [one]))["identity_sharings"]
            assert shown == {"customer_id": one, "kinds": ["card"]}
            assert (await duplicates.erase(connection, [other]))["identity_sharings"] == 1
            assert (await duplicates.collect(connection, [one]))["identity_sharings"] == []

    async def test_of_whom_an_undone_import_had_made_nothing_stays(self, client, database):
        one, other = await customer(client), await customer(client)
        for each in (one, other):
            await seen(client, each, "card", "41111")
        await looked(database)
        gone = CustomerErased(erasure_id="era_1", customer_id=one, customer_ids=[one], requested_at=AT)
        for _ in range(2):
            await heard(database, (gone, 1))
        async with database.acquire() as connection:
            assert await connection.fetch("SELECT FROM identity_sharings") == []


STEPS = st.lists(
    st.tuples(st.sampled_from(["seen", "gone", "looked"]), st.integers(0, 2), st.sampled_from(["card", "device"]), st.sampled_from("ab")),
    max_size=14,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS)
async def test_whatever_is_seen_and_taken_away_the_events_tell_what_is_shared(client, database, published, steps):
    ids = [await customer(client) for _ in range(3)]
    had: dict[tuple[str, str, str], str] = {}
    for step, place, kind, value in steps:
        # Of its own for each example, for all are in one transaction.
        key = (ids[place], kind, f"{value}-{ids[0]}")
        if step == "looked":
            await looked(database)
        elif step == "seen":
            had[key] = await seen(client, *key)
        elif key in had:
            assert (await client.delete(f"/v1/customers/{ids[place]}/identities/{had.pop(key)}")).status_code == 204
    await looked(database)
    told, sequences = {}, {}
    for event, sequence in await published("identity_sharing"):
        if event.customer_id in ids:
            told[event.customer_id, event.other_id] = event.kinds
            sequences.setdefault(event.sharing_id, []).append(sequence)
    expected = {}
    for one in ids:
        for other in ids:
            kinds = {kind for holder, kind, value in had if holder == one and (other, kind, value) in had}
            if one < other and kinds:
                expected[one, other] = sorted(kinds)
    assert {pair: kinds for pair, kinds in told.items() if kinds} == expected
    assert all(numbers == [*range(1, len(numbers) + 1)] for numbers in sequences.values())


_STATEMENTS = [
    ("ix_customer_identities_kind_value", sharing._SHARED, "ARRAY['cus_7'], ARRAY['card'], 20"),
    ("uq_customer_identities_customer_id", sharing._SHARED, "ARRAY['cus_7'], ARRAY['card'], 20"),
    ("ix_identity_sharings_second_id", sharing._KNOWN, "ARRAY['cus_7']"),
    ("uq_identity_sharings_first_id", sharing._KNOWN, "ARRAY['cus_7']"),
    ("ix_customer_identities_kind_value", identities._ADD_SHARED, "'idn', 'cus_7', 'card', '7', '', now(), 20"),
    ("ix_identity_sharings_second_id", sharing._ERASE, "ARRAY['cus_7']"),
]


async def test_the_indexes_are_used(database):
    missed = {}
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, root_id) SELECT 'cus_' || n, 'individual', 'cus_' || n FROM generate_series(1, 3000) AS n;
            INSERT INTO customer_identities (id, customer_id, kind, value, source)
            SELECT 'idn_' || n, 'cus_' || n, 'card', (n / 2)::text, '' FROM generate_series(1, 3000) AS n;
            INSERT INTO identity_sharings (id, first_id, second_id, kinds)
            SELECT 'shr_' || n, least(a, b), greatest(a, b), '{card}'
            FROM generate_series(1, 2999) AS n, LATERAL (SELECT ('cus_' || n) COLLATE "C" AS a, ('cus_' || n + 1) COLLATE "C" AS b) AS p;
            ANALYZE customers; ANALYZE customer_identities; ANALYZE identity_sharings;
            """
        )
        for index, statement, values in _STATEMENTS:
            plan = await plan_of(connection, statement, values)
            if index not in plan:
                missed[index] = plan
    assert not missed, "\n\n".join(f"{index}:\n{plan}" for index, plan in missed.items())
