"""Who may be the same person: rules, candidates, the scan, and what people decide."""

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_people import synthetic_people

from customers.duplicates import marks, scan, service
from customers.duplicates.names import compare_names, compare_words, name_words
from customers.duplicates.rules import MIN_SCORE, PRIOR, Person, likeness, pair, turned
from shared.http.jobs import JobRunner
from shared.http.pagination import binding_of, write_cursor

WORDS = st.text(min_size=1, max_size=8, alphabet=string.ascii_lowercase)
NAMES = st.none() | st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
PERSONS = st.builds(
    Person,
    id=WORDS,
    kind=st.sampled_from(["individual", "organisation"]),
    name=NAMES,
    email=st.none() | st.builds("{}@{}".format, WORDS, st.sampled_from(["gmail.com", "x.lv"])),
    phone=st.none() | st.text(min_size=8, max_size=8, alphabet="0123").map("+{}".format),
    birth_date=st.none() | st.dates(date(1950, 1, 1), date(1951, 1, 1)),
    sex=st.sampled_from([None, "male", "female", "unknown"]),
    city=st.sampled_from([None, "Rīga", "Рига", "London"]),
    country=st.sampled_from([None, "LV", "GB"]),
)


class TestLikeness:
    @given(PERSONS, PERSONS, st.sets(st.sampled_from(["card", "device"])))
    def test_it_is_the_same_whichever_comes_first(self, one, other, shared):
        assert likeness(one, other, shared) == likeness(other, one, shared)

    @given(PERSONS, PERSONS)
    def test_the_reasons_make_the_score(self, one, other):
        found = likeness(one, other)
        assert 0 <= found.score <= 100
        assert (found.score >= MIN_SCORE) == (PRIOR + sum(reason.weight for reason in found.reasons) >= -0.03)
        assert list(found.reasons) == sorted(found.reasons, key=lambda reason: (-abs(reason.weight), reason.feature))

    @given(PERSONS, PERSONS)
    def test_a_shared_card_makes_it_surer(self, one, other):
        assert likeness(one, other, ["card"]).score >= likeness(one, other).score

    @given(PERSONS)
    def test_nothing_speaks_against_being_oneself(self, person):
        assert all(reason.weight > 0 for reason in likeness(person, person).reasons)

    @given(st.dates(date(1900, 1, 1), date(2030, 1, 1)))
    def test_a_turned_date_turns_back(self, born):
        other = turned(born)
        if other is None:
            assert born.day > 12 or born.day == born.month
        else:
            assert other != born == turned(other)
            assert [each.feature for each in likeness(Person("a", birth_date=born), Person("b", birth_date=other)).reasons] == [
                "birth_date_turned"
            ]

    @given(WORDS, WORDS)
    def test_words_agree_both_ways(self, one, other):
        assert compare_words(one, other) == compare_words(other, one)
        assert compare_words(one, one) == "same"

    @given(st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, max_size=4), st.randoms())
    def test_the_order_of_words_does_not_matter(self, one, other, shuffler):
        turned = list(one)
        shuffler.shuffle(turned)
        assert compare_names(turned, one) != "different"
        assert compare_names(one, other) == compare_names(other, one)

    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ("Ilze Bērziņa", "BERZINA ILZE", "same"),
            ("Wang Xiao Ming", "王小明", "same"),
            ("Иван Иванов", "Ivans Ivanovs", "sounds_same"),
            ("Янис Калниньш", "Jānis Kalniņš", "sounds_same"),
            ("王小明", "Ван Сяомин", "sounds_same"),
            ("张佳怡", "Чжан Цзяи", "sounds_same"),
            ("Katherine Robertson", "Katherine Robertdon", "similar"),
            ("I. Ivanov", "Ivan Ivanov", "initials"),
            ("Ivanov", "Ivan Ivanov", "part"),
            ("Ivan Petrovich Ivanov", "Ivan Ivanov", "same"),
            ("Ivan Petrovich Ivanov", "Ivan Sergeevich Ivanov", "conflicts"),
            ("Jānis Bērziņš", "Ilze Bērziņa", "conflicts"),
            ("Anna Petrova", "Inna Petrova", "conflicts"),
            ("Li Na", "Lu Ni", "different"),
            ("John Smith", "Ilze Bērziņa", "different"),
            ("SIA Rīgas Maize", "Rīgas Maize", "same"),
            ("", "Ilze", None),
        ],
    )
    def test_names(self, one, other, expected):
        assert compare_names(name_words(one), name_words(other)) == expected


async def load(client, records):
    """Make customers of records; return their ids in order."""
    ids = []
    for start in range(0, len(records), 1_000):
        items = [{**record, "external_id": f"S-{start + place}"} for place, record in enumerate(records[start : start + 1_000])]
        answer = await client.post("/v1/customers/batch", json={"items": items})
        assert {each["status"] for each in answer.json()["results"]} == {201}
        ids += [each["id"] for each in answer.json()["results"]]
    return ids


async def scanned(client, database):
    """Scan and return the job."""
    answer = await client.post("/v1/duplicates/scan")
    assert answer.status_code == 202
    assert await JobRunner(database, {scan.KIND: scan.run}).run_one()
    job = (await client.get(answer.headers["location"])).json()
    assert job["status"] == "succeeded", job
    return job


async def listed(client, **parameters):
    """Return all pairs, page by page."""
    found, cursor = [], None
    while True:
        asked = {"limit": 100, **parameters, **({"cursor": cursor} if cursor else {})}
        answer = (await client.get("/v1/duplicates", params=asked)).json()
        found += answer["data"]
        cursor = answer["next_cursor"]
        if cursor is None:
            return found


async def candidates(client, customer_id, **parameters):
    answer = await client.get(f"/v1/customers/{customer_id}/duplicates", params=parameters)
    assert answer.status_code == 200, answer.text
    return [each["customer_id"] for each in answer.json()["data"]]


async def test_doubles_in_four_languages_are_found_and_lookalikes_are_not(client, database):
    people = synthetic_people()
    ids = await load(client, people.records)
    job = await scanned(client, database)
    assert job["result"]["customers"] == len(ids)
    true = {pair(ids[one], ids[other]) for one, other in people.doubles}
    found = {pair(*each["customer_ids"]) for each in await listed(client)}
    assert job["result"]["pairs"] == len(found)
    precision, recall = len(found & true) / len(found), len(found & true) / len(true)
    print(f"precision {precision:.3f}, recall {recall:.3f}")  # noqa: T201 - the published figure
    assert 2 * precision * recall / (precision + recall) >= 0.95


ILZE = {"name": "Ilze Bērziņa", "email": "ilze@example.com", "phone": "+37126123456", "birth_date": "1985-03-14"}


@pytest.fixture
async def pairs(client):
    """Ilze, Ilze again in Cyrillic, and a stranger."""
    return await load(client, [ILZE, {**ILZE, "name": "Берзиня Илзе", "email": "berzina@example.com"}, {"name": "John Smith"}])


async def test_candidates_come_with_their_reasons(client, pairs):
    answer = (await client.get(f"/v1/customers/{pairs[0]}/duplicates")).json()
    [found] = answer["data"]
    assert found["customer_id"] == pairs[1]
    assert found["reasons"] == [
        {"feature": "birth_date_same", "weight": 4.0},
        {"feature": "name_sounds_same", "weight": 3.5},
        {"feature": "phone_same", "weight": 3.5},
    ]
    assert found["score"] == 99
    assert await candidates(client, pairs[0], min_score=100) == []
    assert await candidates(client, pairs[2]) == []
    assert (await client.get("/v1/customers/cus_unknown/duplicates")).status_code == 404


async def test_every_one_of_many_doubles_is_listed(client, database):
    ids = await load(client, [ILZE | {"email": f"ilze{number}@example.com", "phone": None} for number in range(30)])
    await scanned(client, database)
    found = await listed(client, limit=50)
    assert len(found) == len({tuple(each["customer_ids"]) for each in found}) == 30 * 29 // 2
    assert len(await candidates(client, ids[0])) == 29


async def test_a_frequent_name_hides_nobody_who_agrees_otherwise(client):
    """A hundred namesakes are not all compared; who was born that day, or uses the address, is met all the same."""
    everyone = [{"name": "Anna Ozola", "birth_date": f"19{50 + number // 4}-05-1{number % 4 + 3}"} for number in range(100)]
    asked = {"name": "Ozola Anna", "birth_date": "2001-02-03", "email": "anna.ozola@example.com", "phone": "+37126000001"}
    mine = [
        {"name": "Анна Озола", "birth_date": "2001-02-03"},
        {"name": "Anna Ozola", "birth_date": "2001-03-02"},
        {"name": "Anna Ozola", "email": "anna.ozola@example.lv"},
        {"name": "Anna Ozola", "phone": "+37126000001"},
    ]
    ids = await load(client, [*everyone, *mine, asked])
    assert set(await candidates(client, ids[-1])) == set(ids[100:-1])


async def test_strangers_with_the_address_null_are_no_candidates(client):
    ids = await load(client, [{"name": None, "email": "null@example.com"}, {"email": "null@example.com"}])
    assert await candidates(client, ids[0]) == []


async def test_an_address_that_too_many_share_says_nothing(client):
    few = await load(client, [{"email": "desk@example.com"} for _ in range(3)])
    assert len(await candidates(client, few[0])) == 2
    await client.post("/v1/customers", json={"email": "desk@example.com"})
    assert await candidates(client, few[0]) == []


async def test_a_tablet_that_too_many_share_says_nothing(client):
    ids = await load(client, [{"name": "Anna Ozola"} for _ in range(4)])
    for number, customer in enumerate(ids, 1):
        for kind, value in (("device", "ipad"), ("card", "12")):
            await client.post(f"/v1/customers/{customer}/identities", json={"kind": kind, "value": value})
        if number == 2:
            answer = (await client.get(f"/v1/customers/{ids[0]}/duplicates")).json()["data"]
            assert [each["feature"] for each in answer[0]["reasons"]] == ["card_shared", "name_same", "device_shared"]
    assert await candidates(client, ids[0]) == []


async def test_a_rejected_pair_never_comes_back(client, database, pairs):
    await scanned(client, database)
    [found] = await listed(client)
    assert found["customer_ids"] == pairs[:2]
    answer = await client.post(f"/v1/duplicates/{found['id']}/reject")
    assert (answer.status_code, answer.json()["status"]) == (200, "rejected")
    assert (await client.post(f"/v1/duplicates/{found['id']}/reject")).json() == answer.json()
    await client.patch(f"/v1/customers/{pairs[1]}", json={"email": "ilze@example.com"}, headers={"if-match": '"1"'})
    await scanned(client, database)
    assert await listed(client) == []
    assert await candidates(client, pairs[0]) == []
    assert await candidates(client, pairs[1]) == []
    assert [each["id"] for each in await listed(client, status="rejected")] == [found["id"]]


async def test_nor_do_those_whom_its_people_are_merged_with(client, database, pairs):
    ids = [*pairs, *(await load_more(client, [ILZE | {"name": "Ilze Berzina"}]))]
    await scanned(client, database)
    assert len(await listed(client)) == 3
    [found] = [each for each in await listed(client) if each["customer_ids"] == ids[:2]]
    await client.post(f"/v1/duplicates/{found['id']}/reject")
    merge = await client.post("/v1/merges", json={"survivor_id": ids[3], "merged_id": ids[0]})
    assert merge.status_code == 201, merge.text
    assert await candidates(client, ids[3]) == []
    assert await candidates(client, ids[1]) == []
    assert await listed(client) == []
    await scanned(client, database)
    assert await listed(client) == []
    await client.post(f"/v1/merges/{merge.json()['id']}/undo")
    assert set(await candidates(client, ids[3])) == {ids[0], ids[1]}


async def load_more(client, records):
    return [(await client.post("/v1/customers", json=record)).json()["id"] for record in records]


async def test_a_confirmed_pair_is_merged(client, database, pairs):
    await scanned(client, database)
    [found] = await listed(client)
    stranger = await client.post(f"/v1/duplicates/{found['id']}/confirm", json={"survivor_id": pairs[2]})
    assert stranger.status_code == 404
    answer = await client.post(f"/v1/duplicates/{found['id']}/confirm", json={"survivor_id": pairs[1]})
    assert (answer.status_code, answer.json()["status"]) == (200, "confirmed")
    assert (await client.get(f"/v1/merges/{answer.json()['merge_id']}")).json()["survivor_id"] == pairs[1]
    assert (await client.post(f"/v1/duplicates/{found['id']}/confirm", json={})).json() == answer.json()
    refused = await client.post(f"/v1/duplicates/{found['id']}/reject")
    assert (refused.status_code, refused.json()["code"]) == (409, "duplicate_decided")
    assert await listed(client) == []
    assert [each["id"] for each in await listed(client, status="confirmed")] == [found["id"]]
    assert await candidates(client, pairs[0]) == []


async def test_many_are_reviewed_together(client, database, pairs):
    twice = await load_more(client, [{"name": "Anna Ozola", "email": "anna@example.com"}] * 2)
    await scanned(client, database)
    by_ids = {tuple(each["customer_ids"]): each["id"] for each in await listed(client)}
    items = [
        {"id": by_ids[tuple(twice)], "decision": "confirm"},
        {"customer_ids": [pairs[1], pairs[0]], "decision": "reject"},
        {"customer_ids": [pairs[2], pairs[0]], "decision": "reject"},
        {"customer_ids": [pairs[2], pairs[2]], "decision": "reject"},
        {"id": "dup_unknown", "decision": "reject"},
        {"decision": "reject"},
        {"customer_ids": twice, "decision": "reject"},
        {"id": by_ids[tuple(twice)], "decision": "reject"},
    ]
    results = (await client.post("/v1/duplicates/review", json={"items": items})).json()["results"]
    assert [each["status"] for each in results] == [200, 200, 200, 409, 404, 422, 409, 409]
    assert results[1]["id"] == by_ids[tuple(pairs[:2])]
    assert len(await listed(client, status="rejected")) == 1
    assert len(await listed(client, status="rejected", min_score=0)) == 2
    assert await listed(client) == []


async def test_pairs_that_resemble_each_other_no_more_are_forgotten(client, database, pairs):
    await scanned(client, database)
    assert len(await listed(client)) == 1
    patch = {"name": "Kārlis Ozols", "birth_date": "1990-01-01", "phone": None}
    await client.patch(f"/v1/customers/{pairs[1]}", json=patch, headers={"if-match": '"1"'})
    await scanned(client, database)
    assert await listed(client) == []


async def test_a_killed_scan_goes_on_and_finds_what_a_whole_one_does(client, database, monkeypatch):
    monkeypatch.setattr(scan, "CHUNK", 10)
    people = synthetic_people(60)
    await load(client, people.records)
    answer = await client.post("/v1/duplicates/scan")
    async with database.acquire() as connection:
        await connection.execute("UPDATE jobs SET done = 40 WHERE id = $1", answer.json()["job_id"])
    assert await JobRunner(database, {scan.KIND: scan.run}).run_one()
    some = {tuple(each["customer_ids"]) for each in await listed(client)}
    job = await scanned(client, database)
    assert job["done"] == job["result"]["customers"] == len(people.records)
    every = {tuple(each["customer_ids"]) for each in await listed(client)}
    last = max(customer for found in every for customer in found)
    assert some < every
    assert {found for found in every if last in found} <= some


async def test_erasure_takes_pairs_and_access_shows_them(client, database, pairs):
    await scanned(client, database)
    async with database.acquire() as connection:
        collected = await service.collect(connection, [pairs[0]])
        assert [(each["customer_id"], each["score"]) for each in collected["duplicate_pairs"]] == [(pairs[0], 99)]
        await marks.mark(connection, pairs)
        [waits] = (await service.collect(connection, [pairs[0]]))["duplicate_checks"]
        assert waits.keys() == {"customer_id", "marked_at"}
        assert await service.erase(connection, [pairs[0]]) == {"duplicate_pairs": 1, "duplicate_checks": 1, "identity_sharings": 0}
        left = await service.collect(connection, pairs[:2])
        assert left["duplicate_pairs"] == []
        assert [each["customer_id"] for each in left["duplicate_checks"]] == [pairs[1]]
    assert await listed(client) == []


async def test_unknown_pairs_are_not_found(client):
    for method, path in (("GET", ""), ("POST", "/reject"), ("POST", "/confirm")):
        answer = await client.request(method, f"/v1/duplicates/dup_unknown{path}", json={} if path == "/confirm" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "duplicate_not_found")


@pytest.mark.parametrize(("score", "listed_again"), [(-(10**9), 0), (10**9, 1)])
async def test_a_forged_cursor_does_no_harm(client, database, pairs, score, listed_again):
    await scanned(client, database)
    cursor = write_cursor((score, "x"), binding_of("/v1/duplicates", []))
    answer = await client.get("/v1/duplicates", params={"cursor": cursor})
    assert (answer.status_code, len(answer.json()["data"])) == (200, listed_again)
