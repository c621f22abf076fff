"""Short-lived tokens for members and staff: Ed25519 JWTs that `customers` signs and every service verifies offline."""

import base64
import hashlib
import json
import os
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.clock import Clock
from shared.database.pool import Database
from shared.http.callers import Caller
from shared.http.errors import InvalidCredentials

ISSUER = "regulars-customers"
AUDIENCE = "regulars"
# The one algorithm; what a token says about its own is not believed (RFC 8725, section 3.1).
_ALGORITHM = "EdDSA"
MAX_LIFETIME_SECONDS = 3_600
DEFAULT_LIFETIME_SECONDS = 900
CACHE_SIZE = 4_096
# A token with an unknown key id makes us read the table at most so often.
_RELOAD_PAUSE_SECONDS = 0.5

_KEYS = "SELECT kid, jwk FROM signing_keys"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private key of tokens, and the public one as others see it.

    Attributes:
        kid: RFC 7638 thumbprint of the public key.
        jwk: the public key as a JSON Web Key.
    """

    private: Ed25519PrivateKey
    kid: str
    jwk: Mapping[str, str]

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "SigningKey":
        """Return the signing key with its thumbprint (RFC 7638; RFC 8037, appendix A.3)."""
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        required = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
        digest = hashlib.sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode()).digest()
        kid = _base64url(digest)
        return cls(private, kid, required | {"kid": kid, "use": "sig", "alg": _ALGORITHM})

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key."""
        return cls.of(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path | None) -> "SigningKey":
        """Return the key in a PEM file, which is made when absent; without a path, one that lives as long as the process.

        Raises:
            ValueError: the file holds no Ed25519 key.
        """
        if path is None:
            return cls.generate()
        if not path.exists():
            _write_new_key(path)
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (UnsupportedAlgorithm, TypeError) as error:
            raise ValueError(f"{path} holds no Ed25519 key") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(f"{path} holds no Ed25519 key")  # noqa: TRY004 - the file is wrong, not the argument
        return cls.of(private)


def jwks(public_keys: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Return the JSON Web Key Set of public keys."""
    return {"keys": [dict(key) for key in public_keys]}


def mint_member_token(
    key: SigningKey,
    *,
    customer_id: str,
    scopes: Iterable[str],
    now: datetime,
    minted_by: str,
    lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
) -> str:
    """Return a token with which a member reaches his own data only.

    Args:
        key: signs it.
        customer_id: whose data it opens.
        scopes: from `MEMBER_SCOPES`.
        now: the moment of minting, UTC.
        lifetime_seconds: at most `MAX_LIFETIME_SECONDS`.
        minted_by: id of the server key that asked for it.
    """
    return _mint(key, "member", customer_id, scopes, now, lifetime_seconds, minted_by)


def mint_staff_token(
    key: SigningKey,
    *,
    staff_id: str,
    scopes: Iterable[str],
    now: datetime,
    minted_by: str,
    lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
) -> str:
    """Return a token with which a member of staff works; the arguments are those of `mint_member_token`."""
    return _mint(key, "staff", staff_id, scopes, now, lifetime_seconds, minted_by)


def _mint(key: SigningKey, kind: str, subject: str, scopes: Iterable[str], now: datetime, lifetime_seconds: int, minted_by: str) -> str:
    if not 0 < lifetime_seconds <= MAX_LIFETIME_SECONDS:
        raise ValueError(f"a token lives 1 to {MAX_LIFETIME_SECONDS} seconds")
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "kind": kind,
        "scope": " ".join(sorted(scopes)),
        "azp": minted_by,
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + lifetime_seconds,
    }
    return jwt.encode(claims, key.private, algorithm=_ALGORITHM, headers={"kid": key.kid})


class TokenVerifier:
    """Verifies tokens with the public keys of this service's own table; remembers those it has verified."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._reload_after = 0.0
        self._verified: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    async def load(self, database: Database) -> None:
        """Read the public keys."""
        async with database.acquire() as connection:
            rows = await connection.fetch(_KEYS)
        self._keys = {row["kid"]: _public_key(row["jwk"]) for row in rows}

    async def verify(self, token: str, database: Database) -> Caller:
        """Return the caller whom a token speaks for.

        Raises:
            InvalidCredentials: it is forged, expired, for others, or signed with a key that we do not know.
        """
        known = self._verified.get(token)
        if known is None:
            known = await self._read(token, database)
            self._remember(token, known)
        caller, expires_at = known
        if expires_at <= self._clock.now().timestamp():
            raise InvalidCredentials
        return caller

    async def _read(self, token: str, database: Database) -> tuple[Caller, float]:
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            if kid not in self._keys and time.monotonic() >= self._reload_after:
                self._reload_after = time.monotonic() + _RELOAD_PAUSE_SECONDS
                await self.load(database)
            # The clock is ours, so expiry is compared here and not by the library.
            claims = jwt.decode(
                token,
                self._keys[kid],
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_exp": False, "verify_iat": False},
            )
            return _caller_of(claims), float(claims["exp"])
        except (jwt.PyJWTError, AttributeError, KeyError, TypeError, ValueError):
            raise InvalidCredentials from None

    def _remember(self, token: str, known: tuple[Caller, float]) -> None:
        self._verified[token] = known
        if len(self._verified) > CACHE_SIZE:
            self._verified.popitem(last=False)


def _caller_of(claims: Mapping[str, Any]) -> Caller:
    scopes = frozenset(claims["scope"].split())
    if claims["kind"] == "member":
        return Caller("member", claims["sub"], scopes, claims["sub"])
    if claims["kind"] == "staff":
        return Caller("staff", claims["sub"], scopes)
    raise InvalidCredentials


def _public_key(jwk: Mapping[str, str]) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "=="))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _write_new_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may start at once: the first one's key is kept.
    try:
        with open(path, "xb", opener=_private_opener) as file:
            file.write(pem)
    except FileExistsError:
        return


def _private_opener(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
