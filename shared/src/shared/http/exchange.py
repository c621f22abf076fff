"""One request and its answer, as the edge sees them."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from shared.database.pool import Connection
from shared.database.single_write import SingleWrite
from shared.database.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from shared.http.callers import Caller
    from shared.http.idempotency import Claim

_KEY = "regulars.exchange"


class Exchange:
    """What is known of one request; kept in its ASGI scope.

    Attributes:
        request_id: named in the answer, the logs and every problem.
        traceparent: our span in the caller's trace.
        caller: who asks, once verified.
        body: the raw body, once read.
        managed: whether a `Route` runs it, and so commits and releases.
        unit_of_work: the transaction, when the route asked for one.
        claim: the hold on its Idempotency-Key.
        reading: the connection lent to `Reads` and `OneWrite`.
        single_write: the transaction of one statement, when the route asked for one.
        rate_headers: what the caller has left.
    """

    __slots__ = (
        "body",
        "caller",
        "claim",
        "managed",
        "rate_headers",
        "reading",
        "request_id",
        "single_write",
        "traceparent",
        "unit_of_work",
    )

    def __init__(self, request_id: str, traceparent: str) -> None:
        self.request_id = request_id
        self.traceparent = traceparent
        self.caller: Caller | None = None
        self.body = b""
        self.managed = False
        self.unit_of_work: UnitOfWork | None = None
        self.claim: Claim | None = None
        self.single_write: SingleWrite | None = None
        self.reading: tuple[AbstractAsyncContextManager[Any], Connection] | None = None
        self.rate_headers: tuple[tuple[bytes, bytes], ...] = ()


def open_exchange(scope: Scope, exchange: Exchange) -> None:
    """Put the exchange into the scope of its request."""
    scope[_KEY] = exchange


def exchange_of(scope: Scope) -> Exchange:
    """Return the exchange of a request."""
    return scope[_KEY]
