"""Sealing what a service keeps of a customer, so that only who asked for it can open it.

A piece is encrypted with a key that stands for this piece alone: X25519 between a fresh key and the request's public
key, HKDF-SHA256, ChaCha20-Poly1305. The bytes are `0x01 || fresh public key (32) || ciphertext and tag`, base64url
without padding; the nonce is zero since no key is used twice. Which export, service, number and count the piece
belongs to is authenticated with it, so that pieces cannot change places.

Source: RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305).
"""

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_KEY_BYTES = 32
_NONCE = bytes(12)
# 180,000 bytes sealed and in base64url stay below the 256 KiB that an event may carry.
PIECE_BYTES = 180_000
# A service's whole answer; more than that is refused rather than kept in memory.
MAX_PART_BYTES = 512 * 1024 * 1024

# Records by kind, such as {"orders": [{…}]}.
Collected = Mapping[str, Sequence[Mapping[str, Any]]]


class SealBroken(ValueError):
    """A piece was not sealed for this key and place, or was changed on the way."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a service's answer; the fields are those of the contract `DataProvided`.

    Attributes:
        number: its place, from 1.
        of: how many there are.
        sealed: base64url.
        sha256: of the piece before it was sealed, hexadecimal.
    """

    number: int
    of: int
    sealed: str
    sha256: str


def seal_answer(collected: Collected, *, public_key: str, export_id: str, service: str) -> list[Piece]:
    """Return a service's answer to a request for data: compressed JSON, cut into sealed pieces, at least one.

    Args:
        collected: records by kind, with JSON values (dates and times are allowed).
        public_key: the request's X25519 key, base64url.
        export_id: the request.
        service: who answers.
    """
    whole = zlib.compress(orjson.dumps(collected, option=orjson.OPT_UTC_Z))
    parts = [whole[start : start + PIECE_BYTES] for start in range(0, len(whole), PIECE_BYTES)]
    return [
        Piece(
            number,
            len(parts),
            seal(part, public_key=public_key, context=piece_context(export_id, service, number, len(parts))),
            hashlib.sha256(part).hexdigest(),
        )
        for number, part in enumerate(parts, 1)
    ]


def open_answer(pieces: Sequence[Piece], *, private_key: bytes, export_id: str, service: str) -> dict[str, list[dict[str, Any]]]:
    """Return the records of a service's answer, given all its pieces in order.

    Raises:
        SealBroken: a piece is missing, changed, or from elsewhere.
    """
    parts = []
    for number, piece in enumerate(pieces, 1):
        part = open_sealed(piece.sealed, private_key=private_key, context=piece_context(export_id, service, number, len(pieces)))
        if hashlib.sha256(part).hexdigest() != piece.sha256:
            raise SealBroken("the piece is not what its hash says")
        parts.append(part)
    decompressor = zlib.decompressobj()
    try:
        whole = decompressor.decompress(b"".join(parts), MAX_PART_BYTES)
        if decompressor.unconsumed_tail or not decompressor.eof:
            raise SealBroken("the answer is too large or cut off")
        return orjson.loads(whole)
    except (zlib.error, orjson.JSONDecodeError):
        raise SealBroken("the answer cannot be read") from None


def piece_context(export_id: str, service: str, number: int, of: int) -> str:
    """Return what a piece is bound to."""
    return f"{export_id}/{service}/{number}/{of}"


def new_key_pair() -> tuple[bytes, str]:
    """Return a fresh private key, raw, and its public half, base64url."""
    private = X25519PrivateKey.generate()
    return private.private_bytes_raw(), _encode(private.public_key().public_bytes_raw())


def seal(plain: bytes, *, public_key: str, context: str) -> str:
    """Return bytes sealed for the holder of a private key, bound to a context; base64url.

    Raises:
        ValueError: the key is no X25519 key.
    """
    fresh = X25519PrivateKey.generate()
    fresh_public = fresh.public_key().public_bytes_raw()
    try:
        recipient = _decode(public_key)
        secret = fresh.exchange(X25519PublicKey.from_public_bytes(recipient))
    except ValueError:
        raise ValueError("this is no X25519 key") from None
    cipher = ChaCha20Poly1305(_derive(secret, fresh_public, recipient))
    return _encode(_VERSION + fresh_public + cipher.encrypt(_NONCE, plain, context.encode()))


def open_sealed(sealed: str, *, private_key: bytes, context: str) -> bytes:
    """Return what was sealed for a private key.

    Raises:
        SealBroken: for another key or context, or changed on the way.
    """
    try:
        raw = _decode(sealed)
        if raw[:1] != _VERSION:
            raise SealBroken("an unknown version")
        fresh_public, ciphertext = raw[1 : 1 + _KEY_BYTES], raw[1 + _KEY_BYTES :]
        private = X25519PrivateKey.from_private_bytes(private_key)
        secret = private.exchange(X25519PublicKey.from_public_bytes(fresh_public))
        cipher = ChaCha20Poly1305(_derive(secret, fresh_public, private.public_key().public_bytes_raw()))
        return cipher.decrypt(_NONCE, ciphertext, context.encode())
    except (InvalidTag, ValueError) as error:
        raise SealBroken("the seal is broken") from error


def _derive(secret: bytes, fresh_public: bytes, recipient: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"regulars access export v1" + fresh_public + recipient).derive(secret)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
