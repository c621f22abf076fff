"""How much one caller may ask of one process: a token bucket for each caller and class of route.

Home-made in place of the library `limits`, whose memory storage starts a thread at nearly every count and so takes
longer than the whole rest of a read.
"""

import time
from collections import OrderedDict

from starlette.requests import Request

from shared.errors import TooMany
from shared.http.exchange import Exchange

_WINDOW_SECONDS = 60.0
# Callers that are remembered; the one who has been quiet longest is forgotten, and starts anew with a full bucket.
_MAX_BUCKETS = 10_000
# Failed attempts to authenticate from one address in a minute: far above typing errors, far below guessing.
FAILED_ATTEMPTS_PER_MINUTE = 600


class _Bucket:
    """Tokens that refill evenly."""

    __slots__ = ("filled_at", "tokens")

    def __init__(self, tokens: float, filled_at: float) -> None:
        self.tokens = tokens
        self.filled_at = filled_at


class _Quota:
    """A number of requests a minute, for each of many callers."""

    def __init__(self, name: str, per_minute: int) -> None:
        self.per_minute = per_minute
        self.policy = f'"{name}";q={per_minute};w={_WINDOW_SECONDS:.0f}'.encode()
        self._name = name
        self._rate = per_minute / _WINDOW_SECONDS
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take a token and return how many are left; below zero, nothing was taken."""
        now = time.monotonic()
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = _Bucket(self.per_minute, now)
            if len(self._buckets) > _MAX_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(caller)
            bucket.tokens = min(self.per_minute, bucket.tokens + (now - bucket.filled_at) * self._rate)
            bucket.filled_at = now
        left = bucket.tokens - 1
        if left >= 0:
            bucket.tokens = left
        return left

    def header(self, left: float) -> bytes:
        """Return the value of `RateLimit`: what is left, and the seconds until all of it is back."""
        seconds = (self.per_minute - max(0.0, left)) / self._rate
        return f'"{self._name}";r={max(0, int(left))};t={int(seconds) + 1}'.encode()

    def seconds_until_one(self, left: float) -> int:
        """Return after how many seconds a refused caller may try again."""
        return int(-left / self._rate) + 1


class RateLimiter:
    """Counts what each caller does, in this process's memory."""

    def __init__(self, per_minute: int) -> None:
        self._quotas = {name: _Quota(name, per_minute) for name in ("read", "write")}
        self._failures = _Quota("failed", FAILED_ATTEMPTS_PER_MINUTE)

    def count(self, exchange: Exchange, principal: str, name: str) -> None:
        """Count a request and note what is left for the answer's headers.

        Args:
            exchange: gets the headers RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11).
            principal: who asks.
            name: class of the route, `read` or `write`.

        Raises:
            TooMany: with the seconds after which one more is allowed.
        """
        quota = self._quotas[name]
        left = quota.take(principal)
        exchange.rate_headers = ((b"ratelimit-policy", quota.policy), (b"ratelimit", quota.header(left)))
        if left < 0:
            raise TooMany(retry_after_seconds=quota.seconds_until_one(left))

    def count_failure(self, address: str) -> None:
        """Count a failed attempt to authenticate.

        Raises:
            TooMany: this address has failed too often.
        """
        left = self._failures.take(address)
        if left < 0:
            raise TooMany(retry_after_seconds=self._failures.seconds_until_one(left))


def address_of(request: Request) -> str:
    """Return the address that the request came from."""
    return request.client.host if request.client else "unknown"
