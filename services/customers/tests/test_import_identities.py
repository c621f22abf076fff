"""Imports that recognise customers by any identity: cards, devices, ids of other systems, unique attributes, and several at once."""

from itertools import count
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.imports import job
from customers.imports.grouping import together
from customers.imports.resolving import Known, resolve
from customers.imports.targets import identity_of, may_identify
from customers.imports.validation import Draft

NDJSON = {"content-type": "application/x-ndjson"}
CSV = {"content-type": "text/csv"}


@pytest.fixture
def client(quiet_client):
    return quiet_client


@pytest.fixture
def bring(client, work):
    async def do(rows: list[dict[str, Any]] | str, **options: str) -> dict[str, Any]:
        content = rows if isinstance(rows, str) else b"\n".join(map(orjson.dumps, rows))
        headers = CSV if isinstance(rows, str) else NDJSON
        answer = await client.post("/v1/imports", content=content, headers=headers, params=options)
        assert answer.status_code == 202, answer.text
        await work()
        shown = (await client.get(answer.headers["location"])).json()
        assert shown["status"] in {"succeeded", "previewed"}, shown
        return shown

    return do


@pytest.fixture
def undo(client, work):
    async def do(shown: dict[str, Any]) -> dict[str, Any]:
        await client.post(f"/v1/imports/{shown['id']}/undo")
        await work()
        return (await client.get(f"/v1/imports/{shown['id']}")).json()["undo"]

    return do


async def make(client, identities: dict[str, str] | None = None, **fields: Any) -> str:
    answer = await client.post("/v1/customers", json=fields)
    assert answer.status_code == 201, answer.text
    customer_id = answer.json()["id"]
    for name, value in (identities or {}).items():
        kind, _, source = name.partition("/")
        draft = {"kind": kind, "value": value} | ({"source": source} if source else {})
        answer = await client.post(f"/v1/customers/{customer_id}/identities", json=draft)
        assert answer.status_code == 201, answer.text
    return customer_id


async def errors(client, shown: dict[str, Any]) -> list[tuple[int, str, str]]:
    text = (await client.get(f"/v1/imports/{shown['id']}/errors")).text
    return [(each["row"], each["pointer"], each["code"]) for each in map(orjson.loads, text.splitlines())]


async def resolved(client, **query: str) -> str | None:
    answer = await client.get("/v1/customers/resolve", params=query)
    return answer.json()["id"] if answer.status_code == 200 else None


async def identities(client, customer_id: str) -> set[tuple[str, str]]:
    rows = (await client.get(f"/v1/customers/{customer_id}/identities")).json()["data"]
    return {(each["kind"], each["value"]) for each in rows}


async def city(client, customer_id: str) -> str | None:
    return (await client.get(f"/v1/customers/{customer_id}")).json()["city"]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("identities.card", ("card", None)),
        ("identities.device.app", ("device", "app")),
        ("identities.external_id.shop.lv", ("external_id", "shop.lv")),
        ("identities.email", ("email", None)),
        ("identities.external_id", None),
        ("identities.phone.shop", None),
        ("identities.passport", None),
        ("identities.card.", None),
        ("identities.card.a,b", None),
        ("card", None),
    ],
)
def test_targets_are_read(target, found):
    assert identity_of(target) == found
    assert may_identify(target, ()) == (found is not None)


class TestOneIdentity:
    @pytest.mark.parametrize(
        ("kind", "target"), [("card", "identities.card"), ("device", "identities.device"), ("account", "identities.account")]
    )
    async def test_finds_and_makes_customers(self, client, bring, kind, target):
        anna = await make(client, {kind: "A1-B2"}, external_id="C-1")
        shown = await bring(
            [{target: "A1-B2", "city": "Rīga"}, {target: "C3", "city": "Ogre"}, {target: "C3", "name": "Eva"}], match=target
        )
        assert (shown["counts"]["updated"], shown["counts"]["created"], shown["counts"]["merged"]) == (1, 1, 1)
        assert shown["match"] == target
        assert shown["matched_by"] == {target: 2}
        [sample] = shown["samples"]["updated"]
        assert (sample["customer_id"], sample["matched_by"], sample["fields"]) == (anna, [target], ["city"])
        assert shown["samples"]["created"][0]["fields"] == sorted(["city", target])
        assert await city(client, anna) == "Rīga"
        again = await bring([{target: "c3", "city": "Cēsis"}], match=target, mode="update")
        assert again["counts"]["refused"] == (1 if kind == "account" else 0)

    async def test_ids_of_another_system_are_its_own(self, client, bring):
        anna = await make(client, {"external_id/shop": "7"}, external_id="C-1")
        await make(client, {"external_id/crm": "8"}, external_id="C-2")
        target = "identities.external_id.shop"
        shown = await bring([{target: "7", "city": "Rīga"}, {target: "8", "city": "Ogre"}], match=target)
        assert (shown["counts"]["updated"], shown["counts"]["created"]) == (1, 1)
        assert await city(client, anna) == "Rīga"

    async def test_a_unique_attribute_is_one(self, client, bring):
        definition = {"name": "passport", "type": "text", "unique": True}
        assert (await client.post("/v1/attribute-definitions", json=definition)).status_code == 201
        anna = await make(client, external_id="C-1", attributes={"passport": "LV 1"})
        rows = "attributes.passport,city\nLV 1,Rīga\nLV 2,Ogre\nLV 2,Cēsis\n"
        shown = await bring(rows, match="attributes.passport")
        assert (shown["counts"]["updated"], shown["counts"]["created"], shown["counts"]["merged"]) == (1, 1, 1)
        assert await city(client, anna) == "Rīga"

    async def test_columns_that_are_called_card_lead_to_cards(self, client, bring):
        anna = await make(client, {"card": "77"}, external_id="C-1")
        shown = await bring("Номер карты;Город\n7-7;Рига\n", match="identities.card")
        assert shown["reading"]["mapping"] == {"Номер карты": "identities.card", "Город": "city"}
        assert await city(client, anna) == "Рига"

    async def test_what_is_none_of_its_kind_or_stands_for_nobody_is_refused(self, client, bring):
        rows = [{"identities.card": "unknown"}, {"identities.card": [1]}, {"identities.card": 77}, {"city": "Ogre"}]
        shown = await bring(rows, match="identities.card")
        assert shown["counts"]["created"] == 1
        codes = [(1, "/identities.card", "identity_blocked"), (2, "/identities.card", "identity_refused")]
        assert await errors(client, shown) == [*codes, (4, "/identities.card", "identity_missing")]


class TestSeveral:
    async def test_must_lead_to_one_customer(self, client, bring):
        anna = await make(client, {"card": "11"}, email="anna@example.org")
        eva = await make(client, {"card": "22"}, email="eva@example.org")
        rows = [
            {"email": "anna@example.org", "identities.card": "22", "city": "Rīga"},
            {"email": "anna@example.org", "identities.card": "11", "city": "Ogre"},
            {"email": "new@example.org", "identities.card": "22", "city": "Cēsis"},
            {"identities.card": "33", "city": "Liepāja"},
        ]
        for dry_run in ("true", "false"):
            shown = await bring(rows, match="email,identities.card", dry_run=dry_run)
            assert await errors(client, shown) == [(1, "/identities.card", "identities_disagree")]
            assert {name: shown["counts"][name] for name in ("created", "updated", "refused")} == {"created": 1, "updated": 2, "refused": 1}
            assert shown["matched_by"] == {"email": 1, "identities.card": 2}
        assert (await city(client, anna), await city(client, eva)) == ("Ogre", "Cēsis")
        # What he was not known by is his now.
        assert await resolved(client, email="new@example.org") == eva
        text = (await client.get(f"/v1/imports/{shown['id']}/errors")).text
        assert "email and identities.card lead to different customers." in text
        assert "example.org" not in text

    async def test_any_takes_all_that_columns_lead_to(self, client, bring):
        shown = await bring("external_id,name,email,identities.card\nC-1,Anna,anna@example.org,77\n", match="any")
        assert shown["match"] == "external_id,email,identities.card"
        again = await bring("email,identities.card,city\n,77,Rīga\nanna@example.org,,Ogre\n,,Cēsis\n", match="any")
        assert (again["counts"]["updated"], again["counts"]["merged"], again["counts"]["refused"]) == (1, 1, 1)

    async def test_one_that_several_share_is_told_apart_by_the_others(self, client, bring):
        anna = await make(client, {"card": "11"}, email="home@example.org")
        await make(client, {"card": "22"}, email="home@example.org")
        rows = [{"email": "home@example.org", "identities.card": "11", "city": "Rīga"}, {"email": "home@example.org", "city": "Ogre"}]
        shown = await bring(rows, match="email,identities.card")
        assert await errors(client, shown) == [(2, "/email", "identity_ambiguous")]
        assert await city(client, anna) == "Rīga"

    async def test_what_stands_for_nobody_is_passed_over_beside_what_does(self, client, bring):
        anna = await make(client, {"card": "11"}, external_id="C-1")
        rows = [{"email": "info@example.org", "identities.card": "11", "city": "Rīga"}, {"email": "info@example.org", "city": "Ogre"}]
        shown = await bring(rows, match="email,identities.card")
        assert await errors(client, shown) == [(2, "/email", "identity_blocked")]
        assert await city(client, anna) == "Rīga"

    async def test_records_of_one_family_agree(self, client, bring):
        anna, eva = await make(client, {"card": "11"}, external_id="C-1"), await make(client, email="eva@example.org")
        await client.post("/v1/merges", json={"survivor_id": anna, "merged_id": eva})
        rows = [{"email": "eva@example.org", "identities.card": "11", "city": "Rīga"}]
        assert (await bring(rows, match="email,identities.card"))["counts"]["updated"] == 1
        assert await city(client, eva) == "Rīga"

    async def test_limits_of_the_rules_hold(self, client, bring):
        rules = await client.get("/v1/identity-rules")
        wanted = rules.json()
        wanted["limits"]["card"] = {"max_customers": 2, "max_values": 2, "period_days": None}
        body = {name: wanted[name] for name in ("limits", "blocked")}
        answer = await client.put("/v1/identity-rules", json=body, headers={"if-match": rules.headers["etag"]})
        assert answer.status_code == 200, answer.text
        anna = await make(client, {"card": "1"}, external_id="C-1")
        rows = [{"external_id": "C-1", "identities.card": "2"}, {"external_id": "C-2", "identities.card": "3"}]
        rows += [{"external_id": "C-2", "identities.card": "4"}, {"external_id": "C-2", "identities.card": "5"}]
        for dry_run in ("true", "false"):
            shown = await bring(rows, dry_run=dry_run)
            assert {code for _, _, code in await errors(client, shown)} == {"identity_limit_reached"}
            assert (shown["counts"]["updated"], shown["counts"]["refused"]) == (1, 3)
        assert await identities(client, anna) >= {("card", "1"), ("card", "2")}


class TestUndone:
    async def test_what_only_the_import_told_goes(self, client, bring, undo):
        anna = await make(client, {"card": "1"}, external_id="C-1")
        before = (await client.get(f"/v1/customers/{anna}/identities")).json()
        rows = [{"external_id": "C-1", "identities.card": "1", "identities.device": "d1"}, {"external_id": "C-2", "identities.card": "2"}]
        shown = await bring(rows)
        assert (shown["counts"]["updated"], shown["samples"]["updated"][0]["fields"]) == (1, ["identities.device"])
        assert await undo(shown) == {"removed": 1, "restored": 1, "kept": 0}
        assert (await client.get(f"/v1/customers/{anna}/identities")).json() == before
        assert await resolved(client, card="2") is None

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    async def test_what_two_imports_told_goes_with_the_second(self, client, bring, undo, order):
        anna = await make(client, external_id="C-1")
        rows = [{"external_id": "C-1", "identities.card": "1"}]
        both = [await bring(rows), await bring(rows)]
        assert [each["counts"]["updated"] + 2 * each["counts"]["unchanged"] for each in both] == [1, 2]
        await undo(both[order[0]])
        assert await resolved(client, card="1") == anna
        await undo(both[order[1]])
        assert await resolved(client, card="1") is None

    async def test_what_somebody_has_seen_since_stays(self, client, bring, undo):
        anna = await make(client, external_id="C-1")
        shown = await bring([{"external_id": "C-1", "identities.card": "1"}, {"external_id": "C-2", "identities.card": "2"}])
        second = await resolved(client, card="2")
        for customer_id, value in ((anna, "1"), (second, "2")):
            answer = await client.post(f"/v1/customers/{customer_id}/identities", json={"kind": "card", "value": value})
            assert answer.status_code == 200, answer.text
        assert await undo(shown) == {"removed": 0, "restored": 1, "kept": 1}
        assert (await resolved(client, card="1"), await resolved(client, card="2")) == (anna, second)


def draft(row: int, keys: dict[str, str]) -> Draft:
    return Draft(row, tuple(keys.items()), b"", None)  # type: ignore[arg-type]


_KEYS = st.dictionaries(st.sampled_from(["email", "card", "device"]), st.sampled_from("abc"), min_size=1)
_KNOWN = st.dictionaries(
    st.tuples(st.sampled_from(["email", "card", "device"]), st.sampled_from("abc")), st.sampled_from(["R1", "R2"]), max_size=4
)


@given(rows=st.lists(_KEYS, min_size=1, max_size=8), known=_KNOWN)
def test_rows_are_resolved_as_one_after_the_other(rows, known):
    """Whatever the groups: as if each row were looked up among those who are known and whom the rows before it made."""
    holders = {key: {root: [root]} for key, root in known.items()}
    drafts = [draft(number, keys) for number, keys in enumerate(rows)]
    groups = together(drafts)
    assert sorted(each.row for group in groups for each in group.drafts) == list(range(len(rows)))
    keys_of = [{key for each in group.drafts for key in each.keys} for group in groups]
    assert all(one.isdisjoint(other) for place, one in enumerate(keys_of) for other in keys_of[:place])
    found: dict[int, str | None] = {}
    for group in groups:
        parties, refused = resolve(group, Known(holders))
        found |= {each.row: party.name for party in parties for each in party.drafts} | {each.row: None for each in refused}
    owners: dict[tuple[str, str], str] = dict(known)
    names: dict[str, str] = {}
    for number, keys in enumerate(rows):
        roots = {owners[key] for key in keys.items() if key in owners}
        if len(roots) > 1:
            assert found[number] is None
            continue
        name = roots.pop() if roots else f"new-{number}"
        owners |= dict.fromkeys(keys.items(), name)
        # The same customer has the same name, another another.
        assert names.setdefault(name, found[number] or "") == found[number]
    assert len(set(names.values())) == len(names)


_ROUNDS = count()
_ROWS = st.lists(
    st.fixed_dictionaries({}, optional={name: st.sampled_from("abc") for name in ("identities.card", "identities.account", "city")}),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS, mode=st.sampled_from(["upsert", "update", "create"]))
async def test_pieces_of_any_size_and_dry_runs_agree(client, bring, monkeypatch, rows, mode):
    """One row at a time, or all at once; a dry run knows the outcome of each row of pieces of its size."""
    seen = []
    for size, dry_run in ((1, "false"), (1, "true"), (100, "false"), (100, "true")):
        monkeypatch.setattr(job, "MAX_ROWS", size)
        ours = next(_ROUNDS)
        own = [{name: value if name == "city" else f"{value}-{ours}" for name, value in row.items()} for row in rows]
        await make(client, {"card": f"a-{ours}"}, city="a")
        mapping = '{"identities.card": "identities.card", "identities.account": "identities.account", "city": "city"}'
        shown = await bring(own, match="any", mode=mode, dry_run=dry_run, mapping=mapping)
        outcomes = {row["row"]: name for name, samples in shown["samples"].items() for row in samples}
        seen.append((shown["counts"], shown["matched_by"], outcomes, await errors(client, shown)))
    assert seen[0] == seen[1]
    assert seen[2] == seen[3]
    # Rows of one customer in one piece are told as one: which of them changed him is not asked.
    for counts, *_ in (seen[0], seen[2]):
        counts["updated"] += counts.pop("unchanged") + counts.pop("merged")
    assert (seen[0][0], seen[0][1], seen[0][3]) == (seen[2][0], seen[2][1], seen[2][3])
