"""Idempotency-Key: the answer is stored in the transaction of its effect, and given again byte for byte.

The body of an answer to a server key is sealed with a key that only the caller's own credential gives, of which no more than a hash
is stored: an answer can hold a secret that is shown once, or personal data, and the table of answers shall tell neither.

Source: IETF draft-ietf-httpapi-idempotency-key-header-08, with the answers it leaves open chosen as in DESIGN.md.
"""

# ruff: noqa: S608 - statements are put together from the constants of this module only

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from asyncpg import Record
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from shared.database.pool import Connection
from shared.http.callers import Caller
from shared.http.errors import IdempotencyMismatch, InvalidIdempotencyKey, RequestInFlight
from shared.messaging.outbox import EVENT_PARAMETERS, Alongside, beside_event, beside_events

_KEY = re.compile(r"^[\x21-\x7e]{1,255}$")
_ANONYMOUS = "anonymous"
# The size that AES-GCM is made for.
_NONCE_BYTES = 12
_REPLAYED = (b"idempotency-replayed", b"true")

# One round trip: the lock says whether a twin is at work elsewhere, the row whether one has finished.
# A twin that commits between the snapshot and the lock is caught by the primary key when the answer is stored.
_CLAIM = """
SELECT pg_try_advisory_xact_lock($1) AS claimed, a.fingerprint, a.status, a.headers, a.body
FROM (VALUES (1)) AS always LEFT JOIN idempotency_answers AS a ON a.caller = $2 AND a.key = $3
"""
_STORE = "INSERT INTO idempotency_answers (caller, key, fingerprint, status, headers, body) "
_VALUES = "${}::text, ${}::text, ${}::bytea, ${}::smallint, ${}::jsonb, ${}::bytea"
_STORE_ALONE = f"{_STORE} VALUES ({_VALUES.format(*range(1, 7))})"
_LATER_VALUES = _VALUES.format(*range(EVENT_PARAMETERS + 1, EVENT_PARAMETERS + 7))
_STORE_LATER = f"{_STORE} VALUES ({_LATER_VALUES})"
_STORE_WITH_EVENT, _STORE_WITH_EVENTS = beside_event(_STORE_LATER), beside_events(_STORE_LATER)
_STORE_WITH_ROW = f"{_STORE} SELECT {_LATER_VALUES} FROM made"
# Where one statement is the whole transaction, the primary key alone decides between twins; the moment is that of the request.
_LOOK = """
SELECT clock_timestamp() AS at, a.fingerprint, a.status, a.headers, a.body
FROM (VALUES (1)) AS always LEFT JOIN idempotency_answers AS a ON a.caller = $1 AND a.key = $2
"""
# Two answers to one key: a twin has committed its own since our claim.
_TWIN = "pk_idempotency_answers"


class Replay(Exception):
    """Carries the stored answer out of the dependencies, past the endpoint."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True)
class Claim:
    """The hold of one request on its key, for as long as its transaction lasts.

    Attributes:
        principal: who claims it.
        key: the Idempotency-Key.
        fingerprint: SHA-256 of what is asked.
        seal: closes and opens the stored body; None for callers whose credential changes from call to call.
    """

    principal: str
    key: str
    fingerprint: bytes
    seal: AESGCM | None


def check_key(request: Request) -> None:
    """Refuse a key that has not the form of one, before anything else is done.

    Raises:
        InvalidIdempotencyKey: it is empty, too long or not visible ASCII.
    """
    if not _KEY.match(request.headers["idempotency-key"]):
        raise InvalidIdempotencyKey(pointer="/idempotency-key", location="header")


def claim_of(request: Request, body: bytes, caller: Caller | None) -> Claim | None:
    """Return what the request claims, or None when it has no key; the key was checked."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    scope = request.scope
    digest = hashlib.sha256()
    # The template, not the path, would let one key serve two customers.
    for part in (scope["method"].encode(), scope["path"].encode(), scope["query_string"]):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    digest.update(body)
    return Claim(caller.principal if caller else _ANONYMOUS, key, digest.digest(), _seal_of(request, caller))


async def take(connection: Connection, claim: Claim, service: str) -> None:
    """Take hold of a key until the transaction ends.

    Raises:
        Replay: it was answered before; carries the stored answer.
        RequestInFlight: a request with this key is being worked on.
        IdempotencyMismatch: the key was used with another request.
    """
    row = await connection.fetchrow(_CLAIM, _lock_number(service, claim), claim.principal, claim.key)
    if row is None or not row["claimed"]:
        raise RequestInFlight(retry_after_seconds=1)
    _replay(row, claim)


async def look(connection: Connection, claim: Claim) -> datetime:
    """Return what time it is, unless a key was answered before.

    Raises:
        Replay: it was; carries the stored answer.
        IdempotencyMismatch: the key was used with another request.
    """
    row = await connection.fetchrow(_LOOK, claim.principal, claim.key)
    assert row is not None
    _replay(row, claim)
    return row["at"]


def answer_of(claim: Claim, response: Response) -> Alongside:
    """Return the row that stores an answer; it is written in the transaction of its effect."""
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in response.raw_headers]
    arguments = (claim.principal, claim.key, claim.fingerprint, response.status_code, headers, _closed(claim, bytes(response.body)))
    return Alongside(_STORE_ALONE, _STORE_WITH_EVENT, _STORE_WITH_EVENTS, _STORE_WITH_ROW, arguments)


def is_twin(error: asyncpg.UniqueViolationError) -> bool:
    """Return whether a twin of the request has committed its own answer since the claim."""
    return getattr(error, "constraint_name", None) == _TWIN


def _seal_of(request: Request, caller: Caller | None) -> AESGCM | None:
    if caller is None or caller.kind != "server":
        return None
    credential = request.headers["authorization"].partition(" ")[2].strip()
    return AESGCM(hashlib.blake2b(credential.encode(), digest_size=32, person=b"idempotency").digest())


def _closed(claim: Claim, body: bytes) -> bytes:
    if claim.seal is None:
        return body
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + claim.seal.encrypt(nonce, body, claim.fingerprint)


def _opened(claim: Claim, stored: bytes) -> bytes:
    if claim.seal is None:
        return stored
    return claim.seal.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], claim.fingerprint)


def _replay(row: Record, claim: Claim) -> None:
    """Give the stored answer again, where there is one."""
    if row["fingerprint"] is None:
        return
    if row["fingerprint"] != claim.fingerprint:
        raise IdempotencyMismatch
    raise Replay(_restore(row, claim))


def _restore(row: Record, claim: Claim) -> Response:
    response = Response(_opened(claim, row["body"]), status_code=row["status"])
    response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in row["headers"]]
    response.raw_headers.append(_REPLAYED)
    return response


def _lock_number(service: str, claim: Claim) -> int:
    name = f"{service}\x00{claim.principal}\x00{claim.key}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big", signed=True)
