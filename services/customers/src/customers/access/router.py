"""Routes of keys and tokens."""

from datetime import datetime

from fastapi import Response

from customers.access import repository, service
from customers.access.errors import ExpiresInPast, ScopesExceeded, TokenCustomerUnknown
from customers.access.schemas import ApiKey, ApiKeyDraft, KeySet, MemberToken, MemberTokenDraft, NewApiKey
from customers.dependencies import Now, Signing, WritesKeys, WritesTokens
from customers.fields import KeyIdInPath
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.access_events import KeyAlreadyRevoked, KeyNotFound
from shared.http.pagination import Page, PageQuery

router = APIRouter(tags=["access"])

# A new signing key is published well before it signs.
_KEY_SET_MAX_AGE_SECONDS = 300


@router.post("/v1/api-keys", operation_id="api_keys_create", status_code=201, responses=problems(ScopesExceeded, ExpiresInPast))
async def create_key(draft: ApiKeyDraft, response: Response, uow: Uow, now: Now, caller: WritesKeys) -> NewApiKey:
    """Issue a server key; its secret is in this answer and nowhere else."""
    key, row = await service.issue(uow, caller, draft, now.now())
    response.headers["location"] = f"/v1/api-keys/{row['id']}"
    return NewApiKey(key=key, **row)


@router.get("/v1/api-keys", operation_id="api_keys_list")
async def list_keys(page: PageQuery, connection: Reads, _: WritesKeys) -> Page[ApiKey]:
    """List server keys, newest first, without their secrets."""
    rows = await repository.page(connection, page.key(datetime, str), page.fetch)
    return page.page(rows, key=lambda row: (row["issued_at"], row["id"]), item=ApiKey.of)


@router.get("/v1/api-keys/{key_id}", operation_id="api_keys_get", responses=problems(KeyNotFound))
async def get_key(key_id: KeyIdInPath, connection: Reads, _: WritesKeys) -> ApiKey:
    """Return a server key without its secret."""
    return ApiKey.of(await service.found(connection, key_id))


@router.post("/v1/api-keys/{key_id}/revoke", operation_id="api_keys_revoke", responses=problems(KeyNotFound, KeyAlreadyRevoked))
async def revoke_key(key_id: KeyIdInPath, uow: Uow, _: WritesKeys) -> ApiKey:
    """Revoke a server key: within seconds no service accepts it."""
    return ApiKey.of(await service.revoke(uow, key_id))


@router.post(
    "/v1/member-tokens", operation_id="member_tokens_create", status_code=201, responses=problems(ScopesExceeded, TokenCustomerUnknown)
)
async def create_token(draft: MemberTokenDraft, uow: Uow, now: Now, key: Signing, caller: WritesTokens) -> MemberToken:
    """Mint a short-lived token with which a customer's own device reaches his data, and no one else's."""
    token, scopes, expires_at = await service.mint(uow.connection, caller, draft, key, now.now())
    return MemberToken(token=token, customer_id=draft.customer_id, scopes=scopes, expires_at=expires_at)


@router.get("/.well-known/jwks.json", operation_id="jwks_get")
async def get_key_set(response: Response, connection: Reads) -> KeySet:
    """Return the public keys with which tokens are verified; open to everybody."""
    response.headers["cache-control"] = f"public, max-age={_KEY_SET_MAX_AGE_SECONDS}"
    return KeySet(keys=await repository.public_keys(connection))
