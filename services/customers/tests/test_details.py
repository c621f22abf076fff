"""Preferences, addresses, psychographics, tags and demographics of customers over HTTP."""

import pytest

ADDRESS = {"kind": "work", "lines": ["Brīvības iela 1-2", "3. stāvs"], "city": "Rīga", "postcode": "LV-1010", "country": "LV"}
DETAILS = {
    "preferences": {"channel": "email", "quiet_hours": {"from": "21:30", "to": "08:00"}, "zone": "Europe/Riga", "languages": ["lv", "ru"]},
    "owner": "anna.liepa",
    "occupation": "nurse",
    "education": "bachelor",
    "income_band": "middle",
    "marital_status": "married",
    "addresses": [ADDRESS],
    "interests": ["running", "žurnāli"],
    "values": ["sustainability"],
    "lifestyle": ["commuter"],
    "tags": ["vip"],
}


async def make(client, **fields) -> dict:
    answer = await client.post("/v1/customers", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_what_is_told_is_shown(client):
    shown = await make(client, **DETAILS)
    assert {name: shown[name] for name in DETAILS} == DETAILS
    assert (await client.get(f"/v1/customers/{shown['id']}")).json() == shown


async def test_what_is_not_told_is_empty(client):
    shown = await make(client)
    assert (shown["preferences"], shown["addresses"], shown["tags"], shown["owner"]) == ({}, [], [], None)


async def test_what_is_told_twice_is_kept_once(client):
    assert (await make(client, tags=["a", "b", "a"], interests=[" x ", "x"]))["tags"] == ["a", "b"]


async def test_an_address_is_at_home_unless_it_is_not(client):
    shown = await make(client, addresses=[{"city": "Rīga", "postcode": None}])
    assert shown["addresses"] == [{"kind": "home", "lines": [], "city": "Rīga"}]


@pytest.mark.parametrize("empty", [None, "default"])
async def test_null_and_what_is_empty_are_the_same(client, empty):
    made = await make(client, **DETAILS)
    defaults = {"preferences": {}, "addresses": [], "interests": [], "values": [], "lifestyle": [], "tags": []}
    patch = {name: defaults.get(name) if empty else None for name in DETAILS}
    if empty:
        # A merge patch of an object removes its members one by one.
        patch["preferences"] = dict.fromkeys(DETAILS["preferences"])
    answer = await client.patch(f"/v1/customers/{made['id']}", json=patch, headers={"if-match": '"1"'})
    assert {name: answer.json()[name] for name in DETAILS} == dict.fromkeys(DETAILS) | defaults
    rows = (await client.get(f"/v1/customers/{made['id']}/history", params={"limit": len(DETAILS)})).json()["data"]
    assert {row["field"]: row["value"] for row in rows} == dict.fromkeys(DETAILS)


async def test_preferences_are_patched_member_by_member(client):
    made = await make(client, **DETAILS)
    patch = {"preferences": {"channel": None, "languages": ["en"]}}
    answer = await client.patch(f"/v1/customers/{made['id']}", json=patch, headers={"if-match": '"1"'})
    expected = {"quiet_hours": {"from": "21:30", "to": "08:00"}, "zone": "Europe/Riga", "languages": ["en"]}
    assert answer.json()["preferences"] == expected


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"preferences": {"zone": "Riga"}}, "/preferences/zone"),
        ({"preferences": {"channel": "pigeon"}}, "/preferences/channel"),
        ({"preferences": {"languages": ["latviski"]}}, "/preferences/languages/0"),
        ({"preferences": {"languages": ["lv"] * 11}}, "/preferences/languages"),
        ({"preferences": {"quiet_hours": {"from": "25:00", "to": "08:00"}}}, "/preferences/quiet_hours/from"),
        ({"preferences": {"quiet_hours": {"from": "21:00"}}}, "/preferences/quiet_hours/to"),
        ({"preferences": {"colour": "red"}}, "/preferences/colour"),
        ({"addresses": [ADDRESS] * 11}, "/addresses"),
        ({"addresses": [{"country": "XX"}]}, "/addresses/0/country"),
        ({"addresses": [{"lines": ["x"] * 6}]}, "/addresses/0/lines"),
        ({"tags": [str(number) for number in range(51)]}, "/tags"),
        ({"tags": [""]}, "/tags/0"),
        ({"interests": ["x" * 201]}, "/interests/0"),
        ({"owner": ""}, "/owner"),
        ({"education": "school"}, "/education"),
        ({"income_band": "rich"}, "/income_band"),
        ({"marital_status": "yes"}, "/marital_status"),
        ({"source": "Shop"}, "/source"),
        ({"source": ""}, "/source"),
    ],
)
async def test_bad_details_are_named(client, fields, pointer):
    answer = await client.post("/v1/customers", json=fields)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_details_come_in_batches_too(client):
    items = [{"external_id": f"D-{number}", **DETAILS, "tags": [f"t{number}"]} for number in range(3)]
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    shown = (await client.get(f"/v1/customers/{results[1]['id']}")).json()
    assert {name: shown[name] for name in DETAILS} == DETAILS | {"tags": ["t1"]}
    again = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    assert again == [{"status": 200, "id": result["id"]} for result in results]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"tag": "vip"}, ["A", "B"]),
        ({"tag": "VIP"}, []),
        ({"interest": "running"}, ["A"]),
        ({"owner": "anna.liepa"}, ["B"]),
        ({"owner": "anna.liepa", "tag": "vip"}, ["B"]),
        ({"interest": "chess", "tag": "vip"}, []),
    ],
)
async def test_lists_are_filtered_by_tag_interest_and_owner(client, query, names):
    await make(client, name="A", tags=["vip", "new"], interests=["running"])
    await make(client, name="B", tags=["vip"], owner="anna.liepa")
    await make(client, name="C", tags=["new"], interests=["chess"], owner="x")
    listed = (await client.get("/v1/customers", params=query)).json()["data"]
    assert [each["name"] for each in listed] == names
