"""Contact data is seen in the clear by whom may see it, and that is written down; everybody else sees a mask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.privacy.masking import CONTACT_FIELDS, MASK, contact_fields, mask_address, mask_email, mask_name, mask_phone, masked

PERSON = {
    "name": "Ilze Bērziņa",
    "email": "ilze.b@mail.example.com",
    "phone": "+37126123456",
    "birth_date": "1985-03-14",
    "city": "Rīga",
    "addresses": [{"kind": "home", "lines": ["Brīvības iela 1"], "postcode": "LV-1010", "city": "Rīga", "country": "LV"}],
}
words = st.text(st.characters(categories=["L"]), min_size=2, max_size=12)


class TestRules:
    @given(st.lists(words, min_size=1, max_size=4))
    def test_of_a_name_the_initials_are_left(self, name):
        shown = mask_name(" ".join(name))
        assert shown == " ".join(f"{word[0]}***" for word in " ".join(name).split())

    @given(st.text())
    def test_of_any_name_at_most_a_letter_a_word_is_left(self, name):
        assert len(mask_name(name).replace(MASK, "").replace(" ", "")) <= len(name.split())

    @given(words, words, st.sampled_from(["com", "lv", "ru", "cn"]))
    def test_of_an_address_a_letter_and_the_last_domain_are_left(self, local, domain, last):
        assert mask_email(f"{local}@{domain}.{last}") == f"{local[0]}***@***.{last}"

    @given(st.text(max_size=10))
    def test_what_is_no_address_is_hidden(self, text):
        assert "." in text or mask_email(text) == MASK

    @given(st.text("0123456789", max_size=15))
    def test_of_a_number_two_digits_are_left(self, digits):
        shown = mask_phone(f"+{digits}")
        assert shown == (MASK + digits[-2:] if len(digits) >= 5 else MASK)

    @given(st.dictionaries(st.sampled_from(["kind", "country", "city", "postcode", "region"]), words))
    def test_of_an_address_kind_country_and_town_are_left(self, address):
        shown = mask_address(address)
        assert shown.keys() == address.keys()
        assert all(shown[name] == (value if name in ("kind", "country", "city") else MASK) for name, value in address.items())

    @given(st.sampled_from(["city", "tags", "language", "sex", "kind"]), st.text())
    def test_other_fields_are_shown(self, field, value):
        assert masked(field, value) == value

    @pytest.mark.parametrize("field", CONTACT_FIELDS)
    def test_nothing_stays_nothing(self, field):
        assert masked(field, None) is None

    def test_contact_fields_that_hold_something(self):
        fields = [("name", "x"), ("email", None), ("addresses", []), ("city", "Rīga"), ("phone", "+1")]
        assert contact_fields(fields) == ["name", "phone"]


async def key_with(client, *scopes) -> dict[str, str]:
    key = (await client.post("/v1/api-keys", json={"name": "clerk", "scopes": scopes})).json()["key"]
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
async def customer(client):
    return await client.post("/v1/customers", json=PERSON)


def assert_masked(shown) -> None:
    assert (shown["name"], shown["email"], shown["phone"]) == ("I*** B***", "i***@***.com", "***56")
    assert (shown["birth_date"], shown["city"]) == (None, "Rīga")
    [address] = shown["addresses"]
    assert (address["lines"], address["postcode"], address["city"]) == ([MASK], MASK, "Rīga")


async def test_who_lacks_the_scope_sees_a_mask(client, customer):
    headers = await key_with(client, "customers:read", "customers:write")
    path = f"/v1/customers/{customer.json()['id']}"
    read = await client.get(path, headers=headers)
    assert_masked(read.json())
    assert_masked((await client.get("/v1/customers", params={"city": "Rīga"}, headers=headers)).json()["data"][0])
    patched = await client.patch(path, json={"tags": ["vip"]}, headers=headers | {"if-match": read.headers["etag"]})
    assert patched.json()["tags"] == ["vip"]
    assert_masked(patched.json())
    past = await client.get(path, params={"as_of": customer.json()["created_at"]}, headers=headers)
    assert past.status_code == 404 or past.json()["email"] != PERSON["email"]
    for text in (read.text, patched.text, past.text):
        assert not any(secret in text for secret in ("ilze.b", "26123", "Brīvības", "1985"))


async def test_who_has_the_scope_sees_it_and_is_written_down(client, customer):
    headers = await key_with(client, "customers:read", "contacts:read")
    shown = customer.json()
    assert (await client.get(f"/v1/customers/{shown['id']}", headers=headers)).json()["email"] == PERSON["email"]
    listed = await client.get("/v1/customers", params={"city": "Rīga"}, headers=headers)
    assert listed.json()["data"][0]["phone"] == PERSON["phone"]
    told = (await client.get("/v1/audit", params={"customer_id": shown["id"], "action": "contact_read"})).json()["data"]
    assert [each["fields"] for each in told] == [list(CONTACT_FIELDS)] * 2
    assert len({each["actor"] for each in told}) == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"email": "ilze.b@example.com"},
        {"email": "nobody@example.com"},
        {"phone": "+37126123456"},
        {"q": "il"},
        {"q": "ilze.b@"},
        {"q": "2612"},
        {"sort": "name"},
        {"attributes.passport": "LV123"},
        {"attributes.born_in.from": "1980"},
    ],
)
async def test_what_is_masked_cannot_be_asked_for(client, customer, asked):
    for name, kind in (("passport", "text"), ("born_in", "integer"), ("size", "text")):
        definition = {"name": name, "type": kind, "filterable": True, "personal": name != "size"}
        answer = await client.post("/v1/attribute-definitions", json=definition)
        assert answer.status_code == 201, answer.text
    clerk, seer = await key_with(client, "customers:read"), await key_with(client, "customers:read", "contacts:read")
    refused = await client.get("/v1/customers", params=asked, headers=clerk)
    assert (refused.status_code, refused.json()["code"], refused.json()["scope"]) == (403, "contacts_not_searchable", "contacts:read")
    assert (await client.get("/v1/customers", params=asked, headers=seer)).status_code == 200
    for allowed in ({"city": "Rīga"}, {"attributes.size": "M"}, {"sort": "-created_at"}, {"country": "LV"}):
        assert (await client.get("/v1/customers", params=allowed, headers=clerk)).status_code == 200


@pytest.mark.parametrize("asked", [{"email": "ilze.b@example.com"}, {"phone": "+37126123456"}, {"q": "il"}])
async def test_exports_cannot_be_filtered_by_what_they_mask(client, asked):
    refused = await client.post("/v1/exports", json={"filter": asked}, headers=await key_with(client, "customers:read"))
    assert (refused.status_code, refused.json()["code"]) == (403, "contacts_not_searchable")
    allowed = await client.post("/v1/exports", json={"filter": {"city": "Rīga"}}, headers=await key_with(client, "customers:read"))
    assert allowed.status_code == 202


async def test_a_till_resolves_what_it_knows_as_a_whole_and_is_written_down(client, customer):
    headers = await key_with(client, "customers:read")
    found = await client.get("/v1/customers/resolve", params={"phone": PERSON["phone"]}, headers=headers)
    assert found.status_code == 200
    assert_masked(found.json())
    told = (await client.get("/v1/audit", params={"action": "contact_resolved"})).json()["data"]
    assert [(each["customer_id"], each["fields"]) for each in told] == [(customer.json()["id"], ["phone"])]


async def test_a_masked_read_is_not_written_down(client, customer):
    headers = await key_with(client, "customers:read")
    await client.get(f"/v1/customers/{customer.json()['id']}", headers=headers)
    assert (await client.get("/v1/audit", params={"action": "contact_read"})).json()["data"] == []


async def test_a_member_sees_himself(client, customer):
    customer_id = customer.json()["id"]
    minted = await client.post("/v1/member-tokens", json={"customer_id": customer_id, "scopes": ["customers:read"]})
    headers = {"authorization": f"Bearer {minted.json()['token']}"}
    assert (await client.get(f"/v1/customers/{customer_id}", headers=headers)).json()["email"] == PERSON["email"]
