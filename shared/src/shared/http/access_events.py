"""How keys travel: `customers` issues and revokes them, every service keeps what it needs to verify them.

The issuer writes its own table directly and tells the others by events; theirs is filled by `access_handlers`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.customers import ApiKeyIssued, ApiKeyRevoked, SigningKeyPublished
from shared.database.pool import Database
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.http.api_keys import generate_key, hash_of, parse_key
from shared.http.errors import KeyAlreadyRevoked, KeyNotFound, UnknownScopes
from shared.http.key_ring import forget_cached_keys
from shared.http.scopes import ALL_SCOPES, unknown_scopes
from shared.http.tokens import SigningKey
from shared.messaging.handlers import HandlerTable

# A revocation that came first (after a redrive) left a row without a secret: the key stays revoked.
_KEEP_ISSUED = """
INSERT INTO access_keys (key_id, secret_sha256, name, scopes, issued_at, expires_at)
SELECT key_id, secret_sha256, name, string_to_array(scopes, ' '), issued_at, expires_at
FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    AS t (key_id, secret_sha256, name, scopes, issued_at, expires_at)
ON CONFLICT (key_id) DO UPDATE SET secret_sha256 = excluded.secret_sha256, name = excluded.name, scopes = excluded.scopes,
    issued_at = excluded.issued_at, expires_at = excluded.expires_at
"""
_KEEP_REVOKED = """
INSERT INTO access_keys (key_id, secret_sha256, name, scopes, issued_at, revoked_at)
SELECT key_id, '', '', '{}', revoked_at, revoked_at FROM unnest($1::text[], $2::timestamptz[]) AS t (key_id, revoked_at)
ON CONFLICT (key_id) DO UPDATE SET revoked_at = least(access_keys.revoked_at, excluded.revoked_at)
"""
_KEEP_SIGNING_KEYS = """
INSERT INTO signing_keys (kid, jwk, published_at) SELECT * FROM unnest($1::text[], $2::jsonb[], $3::timestamptz[])
ON CONFLICT (kid) DO NOTHING
"""
_ISSUE = """
INSERT INTO access_keys (key_id, secret_sha256, name, scopes, issued_at, expires_at) VALUES ($1, $2, $3, $4, now(), $5)
ON CONFLICT (key_id) DO NOTHING RETURNING issued_at
"""
_REVOKE = """
UPDATE access_keys SET revoked_at = now(), version = version + 1 WHERE key_id = $1 AND revoked_at IS NULL
RETURNING revoked_at, version
"""
_EXISTS = "SELECT EXISTS (SELECT FROM access_keys WHERE key_id = $1)"
_PUBLISH_SIGNING_KEY = """
INSERT INTO signing_keys (kid, jwk, published_at) VALUES ($1, $2, now()) ON CONFLICT (kid) DO NOTHING RETURNING published_at
"""

BOOTSTRAP_KEY_NAME = "bootstrap"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key at the one moment when it is known as a whole.

    Attributes:
        key_id: its public part.
        key: the whole key, for its owner alone.
        issued_at: UTC.
    """

    key_id: str
    key: str
    issued_at: datetime


async def on_keys_issued(uow: UnitOfWork, events: Sequence[Received[ApiKeyIssued]]) -> None:
    """Keep the hashes of new keys."""
    keys = [received.event for received in events]
    columns = (
        [key.key_id for key in keys],
        [bytes.fromhex(key.secret_sha256) for key in keys],
        [key.name for key in keys],
        [" ".join(key.scopes) for key in keys],
        [key.issued_at for key in keys],
        [key.expires_at for key in keys],
    )
    await uow.connection.execute(_KEEP_ISSUED, *columns)
    forget_cached_keys()


async def on_keys_revoked(uow: UnitOfWork, events: Sequence[Received[ApiKeyRevoked]]) -> None:
    """Close the doors to revoked keys."""
    keys = [received.event for received in events]
    await uow.connection.execute(_KEEP_REVOKED, [key.key_id for key in keys], [key.revoked_at for key in keys])
    forget_cached_keys()


async def on_signing_keys_published(uow: UnitOfWork, events: Sequence[Received[SigningKeyPublished]]) -> None:
    """Keep the public keys of tokens."""
    keys = [received.event for received in events]
    await uow.connection.execute(_KEEP_SIGNING_KEYS, [k.kid for k in keys], [k.jwk for k in keys], [k.published_at for k in keys])


# Every service but the issuer merges it into its own table.
access_handlers: HandlerTable = {
    ApiKeyIssued: on_keys_issued,
    ApiKeyRevoked: on_keys_revoked,
    SigningKeyPublished: on_signing_keys_published,
}


async def issue_key(uow: UnitOfWork, *, name: str, scopes: Iterable[str], expires_at: datetime | None = None) -> IssuedKey:
    """Issue a server key; for the service `customers` alone.

    Args:
        uow: its transaction.
        name: what its owner calls it.
        scopes: from the catalogue.
        expires_at: UTC; never when None.

    Raises:
        UnknownScopes: with their names.
    """
    generated = generate_key()
    issued_at = await _insert_key(uow, generated.key_id, generated.sha256, name, scopes, expires_at)
    if issued_at is None:
        raise RuntimeError("two keys drew one id")
    return IssuedKey(generated.key_id, generated.key, issued_at)


async def revoke_key(uow: UnitOfWork, key_id: str) -> datetime:
    """Revoke a server key and return since when; for the service `customers` alone.

    Raises:
        KeyNotFound: there is none with this id.
        KeyAlreadyRevoked: it was revoked before.
    """
    row = await uow.connection.fetchrow(_REVOKE, key_id)
    if row is None:
        known = await uow.connection.fetchval(_EXISTS, key_id)
        raise KeyAlreadyRevoked if known else KeyNotFound
    uow.publish(ApiKeyRevoked(key_id=key_id, revoked_at=row["revoked_at"]), sequence=row["version"])
    forget_cached_keys()
    return row["revoked_at"]


async def ensure_bootstrap_key(database: Database, key: str | None) -> None:
    """Make sure that a given key with all scopes is accepted; called when `customers` starts.

    Raises:
        ValueError: it has not the form of a key.
    """
    if key is None:
        return
    key_id = parse_key(key)
    if key_id is None:
        raise ValueError("the bootstrap key is not a valid server key")
    async with UnitOfWork(database) as uow:
        await _insert_key(uow, key_id, hash_of(key), BOOTSTRAP_KEY_NAME, ALL_SCOPES, None)
        await uow.commit()


async def ensure_signing_key(database: Database, key: SigningKey) -> None:
    """Make sure that everybody knows the public key of tokens; called when `customers` starts."""
    async with UnitOfWork(database) as uow:
        published_at = await uow.connection.fetchval(_PUBLISH_SIGNING_KEY, key.kid, dict(key.jwk))
        if published_at is not None:
            uow.publish(SigningKeyPublished(kid=key.kid, jwk=dict(key.jwk), published_at=published_at), sequence=1)
        await uow.commit()


async def _insert_key(
    uow: UnitOfWork, key_id: str, sha256: bytes, name: str, scopes: Iterable[str], expires_at: datetime | None
) -> datetime | None:
    granted = sorted(set(scopes))
    unknown = unknown_scopes(granted)
    if unknown:
        raise UnknownScopes(pointer="/scopes", unknown=unknown)
    issued_at = await uow.connection.fetchval(_ISSUE, key_id, sha256, name, granted, expires_at)
    if issued_at is not None:
        issued = ApiKeyIssued(
            key_id=key_id, secret_sha256=sha256.hex(), name=name, scopes=granted, issued_at=issued_at, expires_at=expires_at
        )
        uow.publish(issued, sequence=1)
    return issued_at
