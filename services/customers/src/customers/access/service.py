"""Who gets which key."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from asyncpg import Record

from customers.access import repository
from customers.access.errors import ExpiresInPast, ScopesExceeded, TokenCustomerUnknown
from customers.access.schemas import ApiKeyDraft, MemberTokenDraft
from customers.dependencies import signing_key
from customers.profiles import repository as profiles
from customers.settings import CustomersSettings
from shared.database.pool import Connection, Database
from shared.database.unit_of_work import UnitOfWork
from shared.http import Caller
from shared.http.access_events import KeyNotFound, ensure_bootstrap_key, ensure_signing_key, issue_key, revoke_key
from shared.http.scopes import MEMBER_SCOPES
from shared.http.tokens import SigningKey, mint_member_token
from shared.settings import ServiceSettings


async def issue(uow: UnitOfWork, caller: Caller, draft: ApiKeyDraft, now: datetime) -> tuple[str, Record]:
    """Issue a key; return it whole, and its row.

    Raises:
        ScopesExceeded: the caller lacks some of the scopes.
        ExpiresInPast: it would never open a door.
    """
    _check_scopes(caller, draft.scopes)
    if draft.expires_at is not None and draft.expires_at <= now:
        raise ExpiresInPast(pointer="/expires_at")
    issued = await issue_key(uow, name=draft.name, scopes=draft.scopes, expires_at=draft.expires_at)
    return issued.key, await found(uow.connection, issued.key_id)


async def revoke(uow: UnitOfWork, key_id: str) -> Record:
    """Revoke a key for ever.

    Raises:
        KeyNotFound: there is none.
        KeyAlreadyRevoked: it was revoked before.
    """
    await revoke_key(uow, key_id)
    return await found(uow.connection, key_id)


async def found(connection: Connection, key_id: str) -> Record:
    """Return a key.

    Raises:
        KeyNotFound: there is none.
    """
    key = await repository.get(connection, key_id)
    if key is None:
        raise KeyNotFound
    return key


async def mint(
    connection: Connection, caller: Caller, draft: MemberTokenDraft, key: SigningKey, now: datetime
) -> tuple[str, list[str], datetime]:
    """Mint a member's token; return it with its scopes and the moment it expires.

    Raises:
        TokenCustomerUnknown: there is no such customer.
        ScopesExceeded: some scopes are not for members, or the caller lacks them.
    """
    if not await profiles.exists(connection, draft.customer_id):
        raise TokenCustomerUnknown(pointer="/customer_id")
    scopes = sorted(caller.scopes.intersection(MEMBER_SCOPES)) if draft.scopes is None else sorted(set(draft.scopes))
    beyond = sorted(set(scopes).difference(MEMBER_SCOPES))
    if beyond:
        raise ScopesExceeded(pointer="/scopes", scopes=beyond)
    _check_scopes(caller, scopes)
    token = mint_member_token(
        key, customer_id=draft.customer_id, scopes=scopes, now=now, lifetime_seconds=draft.ttl_seconds, minted_by=caller.id
    )
    return token, [str(scope) for scope in scopes], now.replace(microsecond=0) + timedelta(seconds=draft.ttl_seconds)


def _check_scopes(caller: Caller, scopes: Sequence[str]) -> None:
    lacking = sorted(set(scopes) - caller.scopes)
    if lacking:
        raise ScopesExceeded(pointer="/scopes", scopes=lacking)


async def prepare(database: Database, settings: ServiceSettings) -> None:
    """Make sure that the first server key and the public key of tokens are known; run before the service is ready."""
    assert isinstance(settings, CustomersSettings)
    first = settings.bootstrap_server_key
    await ensure_bootstrap_key(database, first.get_secret_value() if first else None)
    await ensure_signing_key(database, signing_key(settings.signing_key_file))
