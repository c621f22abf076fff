"""How much one caller may ask of one process: counted per caller and class of route."""

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import Request

from shared.errors import TooMany
from shared.http.exchange import Exchange

_WINDOW_SECONDS = 60
# Failed attempts to authenticate, from one address in a minute: far above typing errors, far below guessing.
FAILED_ATTEMPTS_PER_MINUTE = 600


class RateLimiter:
    """Counts in fixed windows of a minute, in this process's memory."""

    def __init__(self, per_minute: int) -> None:
        self._strategy = FixedWindowRateLimiter(MemoryStorage())
        self._items = {name: RateLimitItemPerMinute(per_minute, namespace=name) for name in ("read", "write")}
        self._failures = RateLimitItemPerMinute(FAILED_ATTEMPTS_PER_MINUTE, namespace="failed")
        self._per_minute = per_minute
        self._policies = {name: f'"{name}";q={per_minute};w={_WINDOW_SECONDS}'.encode() for name in self._items}

    def count(self, exchange: Exchange, principal: str, name: str) -> None:
        """Count a request and note what is left for the answer's headers.

        Args:
            exchange: gets the headers RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11).
            principal: who asks.
            name: `read` or `write`.

        Raises:
            TooMany: with the seconds until the window ends.
        """
        item = self._items[name]
        allowed = self._strategy.hit(item, principal)
        reset_at, remaining = self._strategy.get_window_stats(item, principal)
        seconds = self._seconds_until(reset_at)
        exchange.rate_headers = [
            (b"ratelimit-policy", self._policies[name]),
            (b"ratelimit", f'"{name}";r={remaining};t={seconds}'.encode()),
        ]
        if not allowed:
            raise TooMany(retry_after_seconds=seconds)

    def count_failure(self, address: str) -> None:
        """Count a failed attempt to authenticate.

        Raises:
            TooMany: this address has failed too often.
        """
        if not self._strategy.hit(self._failures, address):
            raise TooMany(retry_after_seconds=_WINDOW_SECONDS)

    @staticmethod
    def _seconds_until(moment: float) -> int:
        return max(1, round(moment - time.time()))


def address_of(request: Request) -> str:
    """Return the address that the request came from."""
    return request.client.host if request.client else "unknown"
