"""Who calls, and what he may: keys and tokens become a `Caller`, and every route says which scope it needs."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends
from starlette.requests import Request

from shared.errors import NotFound, Unauthenticated
from shared.http import api_keys
from shared.http.errors import MissingScope
from shared.http.exchange import Exchange, exchange_of
from shared.http.scopes import ALL_SCOPES
from shared.http.state import AppState, state_of

CallerKind = Literal["server", "member", "staff"]
# Longer ones are no tokens of ours.
_MAX_CREDENTIALS = 4_096


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes:
        kind: a server with its key, a member with a token for his own data, or a member of staff.
        id: the key's id, or the subject of the token.
        scopes: what he may do.
        customer_id: the customer that a member is; None for others.
    """

    kind: CallerKind
    id: str
    scopes: frozenset[str]
    customer_id: str | None = None

    @property
    def principal(self) -> str:
        """Names the caller among all kinds; idempotency and rate limits are scoped to it."""
        return f"{self.kind}:{self.id}"


class Requirement:
    """The scope that a route needs; a FastAPI dependency that gives the caller."""

    def __init__(self, scope: str, own: str | None) -> None:
        if scope not in ALL_SCOPES:
            raise ValueError(f"{scope!r} is not in the catalogue of scopes")
        self.scope = scope
        self.own = own

    async def __call__(self, request: Request) -> Caller:
        """Return the caller, verified and allowed."""
        exchange = exchange_of(request.scope)
        # A `Route` has verified the caller before it read the body.
        caller = exchange.caller or await identify(request, exchange, state_of(request))
        self.check(caller, request)
        return caller

    def check(self, caller: Caller, request: Request) -> None:
        """Refuse a caller who lacks the scope, or a member who asks for somebody else.

        Raises:
            MissingScope: the caller lacks the scope, or a member asks for what is not for members.
            NotFound: a member asks for another customer, whom he may not even know to exist.
        """
        if self.scope not in caller.scopes:
            raise MissingScope(scope=self.scope)
        if caller.kind != "member":
            return
        if self.own is None:
            raise MissingScope(scope=self.scope)
        asked = request.path_params.get(self.own) or request.query_params.get(self.own)
        if asked != caller.customer_id:
            raise NotFound


def requires(scope: str, own: str | None = None) -> Any:
    """Return the dependency that admits callers with a scope: `caller: Annotated[Caller, requires("orders:read")]`.

    Args:
        scope: from the catalogue in `shared.http.scopes`.
        own: name of the path or query parameter that must hold a member's own customer id; without it no member passes.
    """
    return Depends(Requirement(scope, own))


async def identify(request: Request, exchange: Exchange, state: AppState) -> Caller:
    """Verify the key or token of a request and remember the caller.

    Raises:
        Unauthenticated: there is none.
        InvalidCredentials: it is unknown, expired, revoked or forged.
    """
    header = request.headers.get("authorization")
    if header is None:
        raise Unauthenticated
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(credentials) <= _MAX_CREDENTIALS:
        raise Unauthenticated
    if credentials.startswith(api_keys.PREFIX):
        caller = await state.key_ring.verify(credentials, state.opened())
    else:
        caller = await state.tokens.verify(credentials, state.opened())
    exchange.caller = caller
    return caller


async def present_caller(request: Request) -> Caller:
    """Return the verified caller, whatever his scopes; the dependency behind `CallerDep`."""
    exchange = exchange_of(request.scope)
    return exchange.caller or await identify(request, exchange, state_of(request))


# Any verified caller, whatever his scopes.
CallerDep = Annotated[Caller, Depends(present_caller)]
