"""An import that is undone is withdrawn: values and provenance are what they would be had there been none."""

from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.profiles.facts import profile_of
from customers.profiles.rules import FIELDS
from customers.provenance.repository import change_of
from customers.provenance.rules import Change, Link, Provenance, fold, standing

NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture
def client(quiet_client):
    return quiet_client


class People:
    """Customers who are told things, by the numbers that a test gives them."""

    def __init__(self, client, work, prefix: str) -> None:
        self.client, self.work, self.prefix = client, work, prefix
        self.ids: dict[int, str] = {}
        self.imports: dict[int, str] = {}
        self.merges: list[tuple[str, int, int]] = []

    async def make(self, number: int, **fields: Any) -> None:
        answer = await self.client.post("/v1/customers", json={"external_id": f"{self.prefix}-{number}", **fields})
        assert answer.status_code == 201, answer.text
        self.ids[number] = answer.json()["id"]

    async def edit(self, number: int, **fields: Any) -> None:
        found = await self.client.get(f"/v1/customers/{self.ids[number]}")
        headers = {"if-match": found.headers["etag"]}
        answer = await self.client.patch(f"/v1/customers/{self.ids[number]}", json=fields, headers=headers)
        assert answer.status_code == 200, answer.text

    async def bring(self, name: int, rows: list[dict[str, Any]], **options: str) -> None:
        lines = [{**row, "external_id": f"{self.prefix}-{row['external_id']}"} for row in rows]
        content = b"\n".join(map(orjson.dumps, lines))
        answer = await self.client.post("/v1/imports", content=content, headers=NDJSON, params=options)
        assert answer.status_code == 202, answer.text
        await self.work()
        self.imports[name] = answer.headers["location"]
        assert (await self.client.get(self.imports[name])).json()["counts"]["refused"] == 0

    async def undo(self, name: int) -> dict[str, Any]:
        await self.client.post(f"{self.imports[name]}/undo")
        await self.work()
        shown = (await self.client.get(self.imports[name])).json()
        assert shown["status"] == "undone"
        return shown["undo"]

    async def merge(self, survivor: int, merged: int) -> None:
        answer = await self.client.post("/v1/merges", json={"survivor_id": self.ids[survivor], "merged_id": self.ids[merged]})
        if answer.status_code == 201:
            self.merges.append((answer.json()["id"], survivor, merged))

    async def part(self) -> None:
        if self.merges:
            answer = await self.client.post(f"/v1/merges/{self.merges.pop()[0]}/undo")
            assert answer.status_code == 200, answer.text

    async def profile(self, number: int, **query: str) -> dict[str, Any]:
        shown = (await self.client.get(f"/v1/customers/{self.ids[number]}", params=query)).json()
        return {name: value for name, value in shown.items() if name not in {"updated_at", "created_at"}} | {"id": self.number(shown["id"])}

    async def provenance(self, number: int) -> list[dict[str, Any]]:
        """What is known of everybody alike: no ids of changes, no times of the clock."""
        shown = (await self.client.get(f"/v1/customers/{self.ids[number]}/provenance")).json()

        def alike(told: dict[str, Any]) -> dict[str, Any]:
            return {**told, "record_id": self.number(told["record_id"])} | dict.fromkeys(("change_id", "recorded_at", "candidates"))

        return [
            # Who tells a value again is no other source of it.
            alike(each) | {"candidates": [alike(other) for other in each["candidates"] if other["value"] != each["value"]]}
            for each in shown["fields"]
            if each["field"] != "external_id"
        ]

    async def history(self, number: int, field: str) -> list[dict[str, Any]]:
        return (await self.client.get(f"/v1/customers/{self.ids[number]}/history", params={"field": field})).json()["data"]

    def number(self, customer_id: str) -> int:
        return next(number for number, each in self.ids.items() if each == customer_id)


async def moment(database) -> str:
    async with database.acquire() as connection:
        return (await connection.fetchval("SELECT clock_timestamp()")).isoformat()


async def test_after_an_undoing_everything_is_known_as_before(client, work, database):
    people = People(client, work, "A")
    seen = "2026-01-05T00:00:00Z"
    await people.make(1, city="Ogre", attributes={"size": 38}, source="crm", observed_at=seen)
    path = f"/v1/customers/{people.ids[1]}"
    before = (await client.get(f"{path}/provenance")).json()
    await people.bring(1, [{"external_id": 1, "city": "Rīga", "attributes.size": 39, "name": "Anna"}], source="shop")
    between = await moment(database)
    assert await people.undo(1) == {"removed": 0, "restored": 1, "kept": 0}
    # The very changes that had told it, with their times, and no trace of the import among the candidates.
    assert (await client.get(f"{path}/provenance")).json() == before
    then = await people.profile(1, as_of=between)
    assert (then["city"], then["name"], then["attributes"]) == ("Rīga", "Anna", {"size": 39})
    assert await people.profile(1, as_of=await moment(database)) == await people.profile(1)


async def test_the_history_shows_the_import_and_its_undoing(client, work):
    people = People(client, work, "A")
    await people.make(1, city="Ogre")
    await people.bring(1, [{"external_id": 1, "city": "Rīga", "name": "Anna"}], source="crm")
    await people.undo(1)
    import_id = people.imports[1].removeprefix("/v1/imports/")
    shown = [(each["value"], each["source"], each["cause"], each["withdraws"]) for each in await people.history(1, "city")]
    assert shown == [("Ogre", "crm", f"{import_id}:undo", import_id), ("Rīga", "crm", import_id, None), ("Ogre", "api", None, None)]
    assert [each["value"] for each in await people.history(1, "name")] == [None, "Anna"]


async def test_an_identity_was_first_seen_when_it_was_told_without_the_import(client, work):
    people = People(client, work, "A")
    await people.make(1, email="anna@example.org")
    path = f"/v1/customers/{people.ids[1]}/identities"
    before = (await client.get(path)).json()
    await people.bring(1, [{"external_id": 1, "email": "eva@example.org"}])
    await people.undo(1)
    assert (await client.get(path)).json() == before


async def test_the_address_of_a_merged_record_leads_nowhere_once_its_import_is_undone(client, work):
    people = People(client, work, "A")
    for number in (1, 2, 3):
        await people.make(number)
    await people.bring(1, [{"external_id": 3, "email": "wrong@example.org", "phone": "+37120000001"}])
    await people.merge(2, 3)
    await people.merge(1, 2)
    await people.undo(1)
    for query in ({"email": "wrong@example.org"}, {"phone": "+37120000001"}):
        assert (await client.get("/v1/customers/resolve", params=query)).status_code == 404
    assert await people.profile(3) == await people.profile(1)
    for number in (2, 3):
        assert (await client.get("/v1/customers/resolve", params={"external_id": f"A-{number}"})).status_code == 200


async def test_a_merged_record_has_its_own_external_id_again(client, work):
    people = People(client, work, "A")
    await people.make(1, email="one@example.org")
    await people.make(2, email="two@example.org")
    await people.merge(1, 2)
    content = orjson.dumps({"email": "two@example.org", "external_id": "B-2"})
    answer = await client.post("/v1/imports", content=content, headers=NDJSON, params={"match": "email"})
    await work()
    people.imports[1] = answer.headers["location"]
    assert (await client.get("/v1/customers/resolve", params={"external_id": "B-2"})).status_code == 200
    assert await people.undo(1) == {"removed": 0, "restored": 1, "kept": 0}
    assert (await client.get("/v1/customers/resolve", params={"external_id": "B-2"})).status_code == 404
    assert (await client.get("/v1/customers/resolve", params={"external_id": "A-2"})).status_code == 200


async def test_the_same_word_counts_again_when_it_is_told_again(client, work):
    people = People(client, work, "A")
    await people.make(1, city="Ogre")
    rows = [{"external_id": 1, "city": "Rīga"}]
    await people.bring(1, rows, source="crm")
    await people.undo(1)
    await people.bring(2, rows, source="crm")
    assert (await people.profile(1))["city"] == "Rīga"
    assert await people.undo(2) == {"removed": 0, "restored": 1, "kept": 0}
    assert (await people.profile(1))["city"] == "Ogre"


def change(number: int, record_id: str, cause: str | None, fields: dict[str, Any], withdraws: str | None = None) -> Change:
    return Change(number, f"chg_{number}", record_id, None, Provenance(cause=cause), 0, fields, withdraws)  # type: ignore[arg-type]


_CAUSES = st.sampled_from([None, "imp_1", "imp_2"])
_TOLD = st.lists(st.tuples(st.sampled_from("ab"), _CAUSES, st.sampled_from([None, None, "imp_1", "imp_2"])), max_size=10)


@given(_TOLD)
def test_what_stands_is_what_nobody_withdrew(told):
    changes = [change(number, record, cause, {}, withdraws) for number, (record, cause, withdraws) in enumerate(told)]
    withdrawn = [(each.record_id, each.withdraws) for each in changes if each.withdraws]
    expected = [each for each in changes if not each.withdraws and (each.record_id, each.provenance.cause) not in withdrawn]
    assert standing(changes) == expected


_ROUNDS = count()
_NUMBERS = st.integers(0, 2)
_EDITED = st.sampled_from(["city", "name", "attributes"])
_SEEN = st.sampled_from([None, "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-05T00:00:00Z"])


def _row(name: int) -> st.SearchStrategy[dict[str, Any]]:
    # No import tells what another or a person tells: only then is it the same to the others whether it was there.
    values = st.sampled_from([f"i{name}", f"j{name}"])
    telling = {"city": values, "name": values, "attributes.x": values, "observed_at": st.sampled_from(["2026-01-02T00:00:00Z"])}
    return st.fixed_dictionaries({"external_id": _NUMBERS}, optional=telling)


_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("edit"), _NUMBERS, st.sampled_from(["city", "name", "attributes"]), st.sampled_from(["o", "e", "f", None]), _SEEN
        ),
        st.tuples(st.just("merge"), _NUMBERS, _NUMBERS),
        st.tuples(st.just("part")),
        st.integers(1, 3).flatmap(lambda name: st.tuples(st.just("bring"), st.just(name), st.lists(_row(name), min_size=1, max_size=3))),
        st.tuples(st.just("undo"), st.integers(1, 3)),
    ),
    max_size=9,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS, order=st.permutations([1, 2, 3]), believed=st.booleans())
async def test_undone_is_never_imported(client, work, database, steps, order, believed):
    """Two equal families are told the same; one also hears imports, which are undone in any order: they are equal in the end."""
    etag = (await client.get("/v1/survivorship-rules")).headers["etag"]
    rules = {"city": ["crm", "api"]} if believed else {}
    await client.put("/v1/survivorship-rules", json={"rules": rules}, headers={"if-match": etag})
    one, other = (People(client, work, f"{name}{next(_ROUNDS)}") for name in "AB")
    for people in (one, other):
        for number in range(3):
            await people.make(number, city="o", attributes={"x": "o"})
    for kind, *about in steps:
        await _step(one, kind, about)
        if kind not in {"bring", "undo"}:
            await _step(other, kind, about)
    for name in order:
        await _step(one, "undo", [name])
    for number in range(3):
        assert await one.provenance(number) == await other.provenance(number)
        shown, expected = await one.profile(number), await other.profile(number)
        assert shown | {"external_id": None} == expected | {"external_id": None}
        assert await _row_of(database, one.ids[number]) == await _row_of(database, other.ids[number])
    await _folds_to_its_rows(database, list(one.ids.values()))


async def _step(people: People, kind: str, about: list[Any]) -> None:
    match kind, about:
        case "edit", [number, "attributes", value, seen]:
            await people.edit(number, attributes={"x": value}, **({"observed_at": seen} if seen else {}))
        case "edit", [number, field, value, seen]:
            await people.edit(number, **{field: value}, **({"observed_at": seen} if seen else {}))
        case "merge", [survivor, merged]:
            await people.merge(survivor, merged)
        case "part", _:
            await people.part()
        case "bring", [name, rows] if name not in people.imports:
            await people.bring(name, rows, source=["crm", "shop", "import"][name - 1], mode="update")
        case "undo", [name] if name in people.imports:
            await people.undo(name)
            # An import is undone once, and another may have its name then.
            del people.imports[name]


async def _row_of(database, record_id: str) -> dict[str, Any]:
    """The row of a record, merged or not, but for what two records never share."""
    async with database.acquire() as connection:
        row = await connection.fetchrow("SELECT * FROM customers WHERE id = $1", record_id)
    return {name: row[name] for name in FIELDS if name != "external_id"}


async def _folds_to_its_rows(database, ids: list[str]) -> None:
    """The rows are what all changes amount to that no import told and none withdrew."""
    async with database.acquire() as connection:
        rows = await connection.fetch("SELECT * FROM profile_changes WHERE customer_id = ANY($1::text[])", ids)
        links = await connection.fetch("SELECT * FROM merges WHERE merged_id = ANY($1::text[]) AND undone_at IS NULL", ids)
        rules = dict(await connection.fetch("SELECT version, rules FROM survivorship_rules"))
        roots = await connection.fetch("SELECT * FROM customers WHERE id = ANY($1::text[]) AND root_id = id", ids)
    plain = [change_of(row) for row in rows if not (row["cause"] or "").startswith("imp_")]
    linked = [Link(row["number"], row["survivor_id"], row["merged_id"], row["rules_version"]) for row in links]
    folded = fold(plain, linked, rules)
    for root in roots:
        profile = profile_of(folded.values(root["id"]))
        assert {name: getattr(profile, name) for name in FIELDS} == {name: root[name] for name in FIELDS}
