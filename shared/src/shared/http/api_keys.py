"""Server keys: `rk_<id>_<secret>_<checksum>`.

The prefix lets scanners find leaked keys, the checksum refuses typing errors without a look-up, and only the SHA-256 of
the whole key is stored: with 256 random bits a slow hash would protect nothing.
"""

import base64
import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass

PREFIX = "rk_"
_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_LENGTH = 16
_CHECKSUM_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM_LENGTH = 6
_KEY = re.compile(rf"^rk_([{_ID_ALPHABET}]{{{_ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})_([A-Za-z0-9]{{{_CHECKSUM_LENGTH}}})$")


@dataclass(frozen=True, slots=True)
class GeneratedKey:
    """A new key.

    Attributes:
        key_id: its public part.
        key: the whole key, shown to its owner once and stored nowhere.
        sha256: what is stored.
    """

    key_id: str
    key: str
    sha256: bytes


def generate_key() -> GeneratedKey:
    """Return a new key with 256 random bits."""
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    body = f"{PREFIX}{key_id}_{secret}"
    key = f"{body}_{_checksum(body)}"
    return GeneratedKey(key_id, key, hash_of(key))


def parse_key(key: str) -> str | None:
    """Return the id of a key, or None when it has not the form of a key or its checksum is wrong."""
    matched = _KEY.match(key)
    if matched is None or _checksum(key[: -_CHECKSUM_LENGTH - 1]) != matched[3]:
        return None
    return matched[1]


def hash_of(key: str) -> bytes:
    """Return the SHA-256 of the whole key."""
    return hashlib.sha256(key.encode()).digest()


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    characters = []
    for _ in range(_CHECKSUM_LENGTH):
        number, place = divmod(number, len(_CHECKSUM_ALPHABET))
        characters.append(_CHECKSUM_ALPHABET[place])
    return "".join(reversed(characters))
