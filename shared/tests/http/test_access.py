import base64
import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx2
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import make_app, new_key, open_client
from shared.clock import FrozenClock
from shared.contracts.customers import ApiKeyIssued, ApiKeyRevoked, SigningKeyPublished
from shared.database.unit_of_work import UnitOfWork
from shared.http.access_events import (
    access_handlers,
    ensure_bootstrap_key,
    ensure_signing_key,
    issue_key,
    revoke_key,
)
from shared.http.api_keys import generate_key, hash_of, parse_key
from shared.http.errors import InvalidCredentials, KeyAlreadyRevoked, KeyNotFound, UnknownScopes
from shared.http.tokens import AUDIENCE, ISSUER, SigningKey, TokenVerifier, jwks, mint_member_token, mint_staff_token
from shared.settings import ServiceSettings

READ = "/v1/notes"


@pytest.fixture(scope="module")
def signing_key() -> SigningKey:
    return SigningKey.generate()


async def status(client: httpx2.AsyncClient, credentials: str | None, path: str = READ) -> int:
    headers = {"authorization": credentials} if credentials is not None else {}
    return (await client.get(path, headers=headers)).status_code


def test_keys_parse_and_typing_errors_do_not() -> None:
    made = generate_key()
    assert parse_key(made.key) == made.key_id
    assert hash_of(made.key) == made.sha256
    for place in range(3, len(made.key)):
        changed = made.key[:place] + ("a" if made.key[place] != "a" else "b") + made.key[place + 1 :]
        assert parse_key(changed) is None


@given(st.text(max_size=100))
def test_other_texts_are_no_keys(text: str) -> None:
    assert parse_key(text) is None


async def test_credentials_that_open_nothing(database: Any, settings: ServiceSettings, clock: FrozenClock) -> None:
    async with open_client(make_app(database, settings, clock)) as client:
        unknown = generate_key().key
        for credentials in (
            None,
            "",
            "Bearer",
            "Bearer ",
            "Basic abc",
            f"Bearer {unknown}",
            "Bearer rk_x",
            "Bearer x.y.z",
            "Bearer " + "x" * 5000,
        ):
            answer = await client.get(READ, headers={"authorization": credentials} if credentials is not None else {})
            assert answer.status_code == 401, credentials
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_scopes_are_needed(database: Any, settings: ServiceSettings, clock: FrozenClock) -> None:
    async with open_client(make_app(database, settings, clock), await new_key(database, ("orders:read",))) as client:
        answer = await client.get(READ)
        assert (answer.status_code, answer.json()["code"], answer.json()["scope"]) == (403, "missing_scope", "customers:read")


async def test_a_key_expires(database: Any, settings: ServiceSettings, clock: FrozenClock) -> None:
    async with UnitOfWork(database) as uow:
        issued = await issue_key(uow, name="t", scopes=["customers:read"], expires_at=clock.now() + timedelta(hours=1))
        await uow.commit()
    async with open_client(make_app(database, settings, clock), issued.key) as client:
        assert (await client.get(READ)).status_code == 200
        clock.advance(timedelta(hours=1))
        assert (await client.get(READ)).status_code == 401


async def test_a_revoked_key_stops_at_once(database: Any, settings: ServiceSettings, clock: FrozenClock) -> None:
    key = await new_key(database)
    async with open_client(make_app(database, settings, clock), key) as client:
        assert (await client.get(READ)).status_code == 200
        async with UnitOfWork(database) as uow:
            await revoke_key(uow, parse_key(key) or "")
            await uow.commit()
        assert (await client.get(READ)).status_code == 401
    async with UnitOfWork(database) as uow:
        with pytest.raises(KeyAlreadyRevoked):
            await revoke_key(uow, parse_key(key) or "")
        with pytest.raises(KeyNotFound):
            await revoke_key(uow, "nobody")


async def test_keys_need_known_scopes(database: Any) -> None:
    async with UnitOfWork(database) as uow:
        with pytest.raises(UnknownScopes) as error:
            await issue_key(uow, name="t", scopes=["customers:read", "world:rule"])
    assert error.value.extras == {"unknown": ["world:rule"]}


async def test_key_events_fill_another_services_table_in_any_order(database: Any, clock: FrozenClock) -> None:
    made = generate_key()
    issued = ApiKeyIssued(key_id=made.key_id, secret_sha256=made.sha256.hex(), name="n", scopes=["orders:read"], issued_at=clock.now())
    revoked = ApiKeyRevoked(key_id=made.key_id, revoked_at=clock.now())

    async def handle(event: Any) -> None:
        async with UnitOfWork(database) as uow:
            await access_handlers[type(event)](uow, [SimpleNamespace(event=event)])  # pyright: ignore[reportArgumentType]
            await uow.commit()

    async def row() -> tuple:
        async with database.acquire() as connection:
            return tuple(
                await connection.fetchrow("SELECT secret_sha256, scopes, revoked_at FROM access_keys WHERE key_id = $1", made.key_id)
            )

    states = []
    for order in ((issued, revoked), (revoked, issued), (issued, issued, revoked, revoked)):
        async with database.acquire() as connection:
            await connection.execute("DELETE FROM access_keys")
        for event in order:
            await handle(event)
        states.append(await row())
    assert states == [(made.sha256, ["orders:read"], clock.now())] * 3


async def test_a_bootstrap_key_is_accepted_and_announced_once(database: Any, settings: ServiceSettings, clock: FrozenClock) -> None:
    key = generate_key().key
    for _ in range(2):
        await ensure_bootstrap_key(database, key)
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM event_log WHERE type LIKE '%api_key_issued%'") == 1
    async with open_client(make_app(database, settings, clock), key) as client:
        assert (await client.get(READ)).status_code == 200
    with pytest.raises(ValueError, match="bootstrap"):
        await ensure_bootstrap_key(database, "rk_wrong")


async def test_members_reach_their_own_data_only(
    database: Any, settings: ServiceSettings, clock: FrozenClock, signing_key: SigningKey
) -> None:
    await ensure_signing_key(database, signing_key)
    token = mint_member_token(signing_key, customer_id="cus_1", scopes=["loyalty:read", "customers:read"], now=clock.now(), minted_by="k")
    async with open_client(make_app(database, settings, clock), token) as client:
        assert (await client.get("/v1/notes/of/cus_1")).status_code == 200
        other = await client.get("/v1/notes/of/cus_2")
        assert (other.status_code, other.json()["code"]) == (404, "not_found")
        # A scope alone does not open what is not for members.
        assert (await client.get(READ)).status_code == 403
        clock.advance(timedelta(minutes=15))
        assert (await client.get("/v1/notes/of/cus_1")).status_code == 401


async def test_staff_see_everybody(database: Any, settings: ServiceSettings, clock: FrozenClock, signing_key: SigningKey) -> None:
    await ensure_signing_key(database, signing_key)
    token = mint_staff_token(signing_key, staff_id="anna", scopes=["loyalty:read"], now=clock.now(), minted_by="k")
    async with open_client(make_app(database, settings, clock), token) as client:
        assert (await client.get("/v1/notes/of/cus_2")).status_code == 200


def forged(change: Callable[[dict, dict], None], key: SigningKey, clock: FrozenClock, algorithm: str = "EdDSA", secret: Any = None) -> str:
    now = int(clock.now().timestamp())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "cus_1", "kind": "member", "scope": "loyalty:read", "iat": now, "exp": now + 60}
    headers = {"kid": key.kid}
    change(claims, headers)
    return jwt.encode(claims, secret or key.private, algorithm=algorithm, headers=headers)


async def test_forged_tokens_open_nothing(database: Any, clock: FrozenClock, signing_key: SigningKey) -> None:
    await ensure_signing_key(database, signing_key)
    verifier = TokenVerifier(clock)
    stranger = SigningKey.generate()
    good = forged(lambda c, h: None, signing_key, clock)
    assert (await verifier.verify(good, database)).customer_id == "cus_1"
    head, body, signature = good.split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": signing_key.kid}).encode()).rstrip(b"=").decode()
    public = json.dumps(dict(signing_key.jwk))
    for token in (
        forged(lambda c, h: c.update(iss="others"), signing_key, clock),
        forged(lambda c, h: c.update(aud="others"), signing_key, clock),
        forged(lambda c, h: c.update(exp=c["iat"] - 1), signing_key, clock),
        forged(lambda c, h: c.pop("exp"), signing_key, clock),
        forged(lambda c, h: c.update(kind="king"), signing_key, clock),
        forged(lambda c, h: c.update(scope=7), signing_key, clock),
        forged(lambda c, h: h.update(kid="unknown"), signing_key, clock),
        forged(lambda c, h: h.pop("kid"), signing_key, clock),
        forged(lambda c, h: h.update(kid=signing_key.kid), stranger, clock),
        forged(lambda c, h: None, signing_key, clock, "HS256", public + "x" * 32),
        f"{unsigned}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}",
    ):
        with pytest.raises(InvalidCredentials):
            await verifier.verify(token, database)


async def test_signing_keys_travel(database: Any, clock: FrozenClock, signing_key: SigningKey) -> None:
    event = SigningKeyPublished(kid=signing_key.kid, jwk=dict(signing_key.jwk), published_at=clock.now())
    async with UnitOfWork(database) as uow:
        for _ in range(2):
            await access_handlers[SigningKeyPublished](uow, [SimpleNamespace(event=event)])  # pyright: ignore[reportArgumentType]
        await uow.commit()
    token = forged(lambda c, h: None, signing_key, clock)
    assert (await TokenVerifier(clock).verify(token, database)).id == "cus_1"
    assert jwks([signing_key.jwk]) == {"keys": [dict(signing_key.jwk)]}
    assert "d" not in signing_key.jwk


def test_a_signing_key_file_is_made_once_and_private(tmp_path: Any) -> None:
    path = tmp_path / "keys" / "signing.pem"
    assert SigningKey.load(path).kid == SigningKey.load(path).kid
    assert path.stat().st_mode & 0o777 == 0o600
