"""Verifies server keys against this service's own table, which the events of the issuer fill."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from shared.clock import Clock
from shared.database.pool import Database
from shared.http.api_keys import hash_of, parse_key
from shared.http.callers import Caller
from shared.http.errors import InvalidCredentials

# A revoked key may work this long in another process; in one that handles the event it stops at once.
CACHE_SECONDS = 2.0
# A key that was issued a moment ago must not stay unknown for long.
UNKNOWN_CACHE_SECONDS = 0.2
CACHE_SIZE = 4_096

_FIND = "SELECT secret_sha256, scopes, expires_at, revoked_at FROM access_keys WHERE key_id = $1"


class _Generation:
    """Counts the key events that this process has handled; caches of an older generation are void."""

    def __init__(self) -> None:
        self.number = 0


_generation = _Generation()


def forget_cached_keys() -> None:
    """Make every key ring of this process read the table again; handlers of key events call it."""
    _generation.number += 1


@dataclass(frozen=True, slots=True)
class _Entry:
    caller: Caller | None
    expires_at: datetime | None
    fresh_until: float


class KeyRing:
    """Knows the keys that were used lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._generation = _generation.number

    async def verify(self, key: str, database: Database) -> Caller:
        """Return the caller whose key it is.

        Raises:
            InvalidCredentials: it is malformed, unknown, expired or revoked.
        """
        if self._generation != _generation.number:
            self._entries.clear()
            self._generation = _generation.number
        digest = hash_of(key)
        entry = self._entries.get(digest)
        if entry is None or entry.fresh_until < time.monotonic():
            entry = await self._look_up(key, digest, database)
        if entry.caller is None or (entry.expires_at is not None and entry.expires_at <= self._clock.now()):
            raise InvalidCredentials
        return entry.caller

    async def _look_up(self, key: str, digest: bytes, database: Database) -> _Entry:
        key_id = parse_key(key)
        if key_id is None:
            raise InvalidCredentials
        async with database.acquire() as connection:
            row = await connection.fetchrow(_FIND, key_id)
        now = time.monotonic()
        if row is None or row["revoked_at"] is not None or not compare_digest(row["secret_sha256"], digest):
            entry = _Entry(None, None, now + UNKNOWN_CACHE_SECONDS)
        else:
            caller = Caller("server", key_id, frozenset(row["scopes"]))
            entry = _Entry(caller, row["expires_at"], now + CACHE_SECONDS)
        self._remember(digest, entry)
        return entry

    def _remember(self, digest: bytes, entry: _Entry) -> None:
        self._entries[digest] = entry
        self._entries.move_to_end(digest)
        if len(self._entries) > CACHE_SIZE:
            self._entries.popitem(last=False)
