"""Receipts of erasures: what a service erased of a customer, as a compact JWS that anybody can verify for ever.

The header names the type and the key (`{"alg": "EdDSA", "typ": "erasure-receipt+jws", "kid": …}`); the claims are
`erasure_id`, `customer_id`, `service`, `erased` (rows by kind of record) and `erased_at` (RFC 3339, UTC). Each service
signs with a key of its own, which its table `receipt_keys` holds; who verifies pins the key that he saw first.

Source: RFC 7515 (JWS), RFC 8037 (Ed25519).
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.database.pool import Connection
from shared.http.tokens import SigningKey

_ALGORITHM = "EdDSA"
RECEIPT_TYPE = "erasure-receipt+jws"
CERTIFICATE_TYPE = "erasure-certificate+jws"
# What a chain starts from, so that no other use of the hash can be taken for one.
_CHAIN_START = hashlib.sha256(b"regulars erasure certificate v1").hexdigest()

# The first of several processes that start at once makes the key, the others read it.
_MAKE_KEY = "INSERT INTO receipt_keys (kid, private_key) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_READ_KEY = "SELECT private_key FROM receipt_keys"


class ReceiptInvalid(ValueError):
    """A receipt is forged, damaged, or not what its event says."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a service declares to have erased.

    Attributes:
        erasure_id: the erasure that it answers, `era_…`.
        customer_id: the customer of the erasure, `cus_…`.
        service: who erased, such as `loyalty`.
        erased: rows erased or made nameless, by kind of record.
        erased_at: UTC.
    """

    erasure_id: str
    customer_id: str
    service: str
    erased: Mapping[str, int]
    erased_at: datetime


async def receipt_key(connection: Connection) -> SigningKey:
    """Return the key that signs this service's receipts, made at its first use and kept in the table `receipt_keys`."""
    raw = await connection.fetchval(_READ_KEY)
    if raw is None:
        made = SigningKey.generate()
        await connection.execute(_MAKE_KEY, made.kid, _raw(made.private))
        raw = await connection.fetchval(_READ_KEY)
    assert raw is not None
    return SigningKey.of(Ed25519PrivateKey.from_private_bytes(raw))


def sign_receipt(key: SigningKey, receipt: Receipt) -> str:
    """Return a receipt as a compact JWS; its public half, for the event, is `dict(key.jwk)`."""
    claims = {
        "erasure_id": receipt.erasure_id,
        "customer_id": receipt.customer_id,
        "service": receipt.service,
        "erased": dict(sorted(receipt.erased.items())),
        "erased_at": receipt.erased_at.astimezone(UTC).isoformat(),
    }
    return sign_claims(key, RECEIPT_TYPE, claims)


def verify_receipt(token: str, jwk: Mapping[str, Any]) -> Receipt:
    """Return what a receipt declares, once its signature is found to be of the given key.

    Raises:
        ReceiptInvalid: it is not of this key or no receipt at all.
    """
    claims = verify_claims(token, RECEIPT_TYPE, jwk)
    try:
        erased = {str(kind): int(rows) for kind, rows in claims["erased"].items()}
        at = datetime.fromisoformat(claims["erased_at"])
        return Receipt(str(claims["erasure_id"]), str(claims["customer_id"]), str(claims["service"]), erased, at)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ReceiptInvalid("the claims are not those of a receipt") from None


def sign_claims(key: SigningKey, kind: str, claims: Mapping[str, Any]) -> str:
    """Return claims as a compact JWS of a type such as `CERTIFICATE_TYPE`."""
    return jwt.encode(dict(claims), key.private, algorithm=_ALGORITHM, headers={"kid": key.kid, "typ": kind})


def verify_claims(token: str, kind: str, jwk: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of a compact JWS of a type, signed with the private half of a key.

    Raises:
        ReceiptInvalid: another type, another key, or changed on the way.
    """
    try:
        if jwt.get_unverified_header(token).get("typ") != kind:
            raise ReceiptInvalid("this is of another type")
        return jwt.decode(token, _public_key(jwk), algorithms=[_ALGORITHM])
    except (jwt.PyJWTError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReceiptInvalid(str(error)) from None


def chain(receipts: Iterable[tuple[str, str]]) -> str:
    """Return the last hash of the chain over receipts, hexadecimal SHA-256.

    Each link is SHA-256 of the hash before, the service and the receipt, with a line feed between them; the services
    come in alphabetical order, so that the order of arrival does not matter.

    Args:
        receipts: service and compact JWS of each.
    """
    link = _CHAIN_START
    for service, receipt in sorted(receipts):
        link = hashlib.sha256(f"{link}\n{service}\n{receipt}".encode()).hexdigest()
    return link


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of an Ed25519 public key: what is pinned at its first use."""
    required = {"crv": "Ed25519", "kty": "OKP", "x": str(jwk.get("x", ""))}
    digest = hashlib.sha256(json.dumps(required, separators=(",", ":"), sort_keys=True).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _raw(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())


def _public_key(jwk: Mapping[str, Any]) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "=="))
