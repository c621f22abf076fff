"""Keys and tokens over HTTP."""

from datetime import timedelta

import jwt
import pytest

from customers.access.service import prepare
from customers.app import SERVICE
from customers.dependencies import signing_key
from customers.settings import CustomersSettings
from shared.contracts.customers import ApiKeyIssued, ApiKeyRevoked, SigningKeyPublished
from shared.http.api_keys import hash_of
from shared.http.scopes import ALL_SCOPES, MEMBER_SCOPES


async def issue(client, *scopes, **more):
    return await client.post("/v1/api-keys", json={"name": "shop", "scopes": scopes} | more)


def bearing(credential):
    return {"authorization": f"Bearer {credential}"}


async def test_a_key_is_shown_whole_once(client, published):
    answer = await issue(client, "orders:write", "customers:read", "orders:write")
    assert answer.status_code == 201
    shown = answer.json()
    key = shown.pop("key")
    assert (shown["name"], shown["scopes"], shown["revoked_at"]) == ("shop", ["customers:read", "orders:write"], None)
    assert (await client.get(answer.headers["location"])).json() == shown
    listed = (await client.get("/v1/api-keys")).json()["data"]
    assert shown in listed
    assert all("key" not in each for each in listed)
    event, sequence = (await published("api_key"))[-1]
    assert isinstance(event, ApiKeyIssued)
    assert (event.key_id, event.secret_sha256, event.scopes, sequence) == (shown["id"], hash_of(key).hex(), shown["scopes"], 1)


async def test_a_key_opens_only_its_doors_until_it_is_revoked(client, published):
    issued = (await issue(client, "customers:read")).json()
    headers = bearing(issued["key"])
    assert (await client.get("/v1/customers", headers=headers)).status_code == 200
    refused = await client.post("/v1/customers", json={}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    revoked = await client.post(f"/v1/api-keys/{issued['id']}/revoke")
    assert revoked.status_code == 200
    assert revoked.json()["revoked_at"] is not None
    assert (await client.get("/v1/customers", headers=headers)).status_code == 401
    event, sequence = (await published("api_key"))[-1]
    assert isinstance(event, ApiKeyRevoked)
    assert (event.key_id, sequence) == (issued["id"], 2)
    again = await client.post(f"/v1/api-keys/{issued['id']}/revoke")
    assert (again.status_code, again.json()["code"]) == (409, "key_already_revoked")


async def test_two_live_keys_make_a_rotation(client):
    old, new = [(await issue(client, "customers:read")).json() for _ in range(2)]
    assert (await client.get("/v1/customers", headers=bearing(new["key"]))).status_code == 200
    await client.post(f"/v1/api-keys/{old['id']}/revoke")
    statuses = [(await client.get("/v1/customers", headers=bearing(each["key"]))).status_code for each in (old, new)]
    assert statuses == [401, 200]


async def test_a_key_expires(client, clock):
    issued = (await issue(client, "customers:read", expires_at=(clock.now() + timedelta(minutes=1)).isoformat())).json()
    assert (await client.get("/v1/customers", headers=bearing(issued["key"]))).status_code == 200
    clock.advance(timedelta(minutes=1))
    assert (await client.get("/v1/customers", headers=bearing(issued["key"]))).status_code == 401
    late = await issue(client, "customers:read", expires_at=clock.now().isoformat())
    assert (late.status_code, late.json()["code"]) == (422, "expires_in_past")


async def test_nobody_gives_what_he_lacks(client):
    clerk = (await issue(client, "keys:write", "customers:read", "tokens:write")).json()["key"]
    refused = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["customers:write"]}, headers=bearing(clerk))
    assert (refused.status_code, refused.json()["code"], refused.json()["scopes"]) == (403, "scopes_exceeded", ["customers:write"])
    given = await client.post("/v1/api-keys", json={"name": "x", "scopes": ["customers:read"]}, headers=bearing(clerk))
    assert given.status_code == 201
    customer = (await client.post("/v1/customers", json={})).json()["id"]
    refused = await client.post("/v1/member-tokens", json={"customer_id": customer, "scopes": ["orders:read"]}, headers=bearing(clerk))
    assert (refused.status_code, refused.json()["scopes"]) == (403, ["orders:read"])
    token = await client.post("/v1/member-tokens", json={"customer_id": customer}, headers=bearing(clerk))
    assert token.json()["scopes"] == ["customers:read"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["orders:read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "x"},
        {"name": "x", "scopes": ["orders:read"], "key": "mine"},
    ],
)
async def test_bad_keys_are_refused(client, body):
    assert (await client.post("/v1/api-keys", json=body)).status_code == 422


async def test_unknown_keys_are_not_found(client):
    assert (await client.get("/v1/api-keys/nobody")).status_code == 404
    assert (await client.post("/v1/api-keys/nobody/revoke")).status_code == 404


class TestMemberTokens:
    @pytest.fixture
    async def own(self, client) -> str:
        return (await client.post("/v1/customers", json={"name": "Own"})).json()["id"]

    async def test_a_member_reaches_his_own_data_only(self, client, own):
        other = (await client.post("/v1/customers", json={"name": "Other"})).json()["id"]
        minted = await client.post("/v1/member-tokens", json={"customer_id": own})
        assert minted.status_code == 201
        assert minted.json()["scopes"] == sorted(MEMBER_SCOPES)
        headers = bearing(minted.json()["token"])
        assert (await client.get(f"/v1/customers/{own}", headers=headers)).json()["name"] == "Own"
        assert (await client.get(f"/v1/customers/{own}/orders", headers=headers)).status_code == 200
        for path in (f"/v1/customers/{other}", f"/v1/customers/{other}/orders", "/v1/customers/cus_unknown"):
            assert (await client.get(path, headers=headers)).status_code == 404
        for path in ("/v1/customers", "/v1/api-keys"):
            assert (await client.get(path, headers=headers)).status_code == 403
        patch = await client.patch(f"/v1/customers/{own}", json={"city": "x"}, headers=headers | {"if-match": '"1"'})
        assert patch.status_code == 403

    async def test_a_token_dies(self, client, own, clock):
        minted = (await client.post("/v1/member-tokens", json={"customer_id": own, "ttl_seconds": 60})).json()
        clock.advance(timedelta(seconds=61))
        assert (await client.get(f"/v1/customers/{own}", headers=bearing(minted["token"]))).status_code == 401

    @pytest.mark.parametrize(
        "changes",
        [{"ttl_seconds": 0}, {"ttl_seconds": 3_601}, {"ttl_seconds": "60"}, {"customer_id": "cus_00000000000000000000000000"}],
    )
    async def test_bad_wishes_are_refused(self, client, own, changes):
        assert (await client.post("/v1/member-tokens", json={"customer_id": own} | changes)).status_code == 422

    async def test_scopes_of_servers_are_not_for_members(self, client, own):
        answer = await client.post("/v1/member-tokens", json={"customer_id": own, "scopes": ["customers:write"]})
        assert (answer.status_code, answer.json()["code"]) == (403, "scopes_exceeded")

    async def test_anybody_verifies_a_token_with_the_published_keys(self, client, own, clock):
        token = (await client.post("/v1/member-tokens", json={"customer_id": own})).json()["token"]
        del client.headers["authorization"]
        answer = await client.get("/.well-known/jwks.json")
        assert answer.headers["cache-control"] == "public, max-age=300"
        keys = {key["kid"]: key for key in answer.json()["keys"]}
        assert all("d" not in key for key in keys.values())
        public = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]])
        claims = jwt.decode(token, public, audience="regulars", options={"verify_exp": False, "verify_iat": False})
        assert claims["sub"] == own
        assert claims["exp"] - claims["iat"] == 900


async def test_starting_twice_announces_once(committed_database, tmp_path):
    settings = CustomersSettings.model_validate(
        {"database_url": "postgresql://unused", "signing_key_file": tmp_path / "keys" / "signing.pem"}
    )
    for _ in range(2):
        signing_key.cache_clear()
        await prepare(committed_database, settings)
    async with committed_database.acquire() as connection:
        types = await connection.fetch("SELECT type FROM event_log")
    assert [row["type"] for row in types] == [SigningKeyPublished.type]
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o777 == 0o600


async def test_the_first_key_can_do_everything(client):
    [key] = (await client.get("/v1/api-keys")).json()["data"]
    assert key["scopes"] == list(ALL_SCOPES)
    assert SERVICE.on_start == (prepare,)
