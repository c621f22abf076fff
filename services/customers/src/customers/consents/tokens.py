"""Signed, expiring tokens that customers carry in links: to confirm a consent, or to change their preferences.

They are signed with the key of access tokens but for another audience, so that neither is taken for the other.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from customers.access import repository as keys
from shared.database.pool import Connection
from shared.http.tokens import ISSUER, SigningKey

_ALGORITHM = "EdDSA"
Audience = Literal["regulars-consent-confirmation", "regulars-preferences"]


class TokenInvalid(ValueError):
    """A token is forged, for another use, or expired."""


def mint(key: SigningKey, audience: Audience, claims: Mapping[str, Any], *, now: datetime, expires_at: datetime) -> str:
    """Return a token.

    Args:
        key: signs it.
        audience: its use.
        claims: what it carries; ids only, since links end up in logs and histories.
        now: UTC.
        expires_at: UTC.
    """
    content = {**claims, "iss": ISSUER, "aud": audience, "iat": int(now.timestamp()), "exp": int(expires_at.timestamp())}
    return jwt.encode(content, key.private, algorithm=_ALGORITHM, headers={"kid": key.kid})


async def read(connection: Connection, token: str, audience: Audience, now: datetime) -> dict[str, Any]:
    """Return what a token carries, verified with any of the published keys.

    Raises:
        TokenInvalid: it is none of ours, for another use, or expired.
    """
    public = {key["kid"]: key for key in await keys.public_keys(connection)}
    try:
        key = public[jwt.get_unverified_header(token)["kid"]]
        verified = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "=="))
        # The clock is ours, so expiry is compared here and not by the library.
        options: Any = {"require": ["exp", "iat", "aud", "iss"], "verify_exp": False, "verify_iat": False}
        claims = jwt.decode(token, verified, algorithms=[_ALGORITHM], audience=audience, issuer=ISSUER, options=options)
        if claims["exp"] <= now.timestamp():
            raise TokenInvalid
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise TokenInvalid from None
    return claims
