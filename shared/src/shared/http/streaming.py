"""Bodies that are too large to hold: read in pieces as they arrive, up to a limit that is the route's own."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from starlette.requests import Request

from shared.http.errors import MalformedBody
from shared.http.exchange import exchange_of
from shared.settings import ServiceSettings

_SETTING = "regulars_body_limit"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def streams_body(limit_setting: str) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint that reads its body by `body_pieces`; its path must hold no parameters, for the edge goes by it.

    Args:
        limit_setting: name of the setting with the largest number of bytes.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _SETTING, limit_setting)
        return endpoint

    return mark


def body_limits(routes: list[APIRoute], settings: ServiceSettings) -> dict[tuple[str, str], int]:
    """Return the limits of the marked endpoints by method and path."""
    return {
        (method, route.path): getattr(settings, setting)
        for route in routes
        if (setting := getattr(route.endpoint, _SETTING, None)) is not None
        for method in route.methods or ()
    }


async def body_pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; the client waits while a piece is dealt with.

    Raises:
        MalformedBody: the client went away before its end.
    """
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise MalformedBody("The body was cut off.")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return


def stand_for_body(request: Request, digest: bytes) -> None:
    """Let a digest stand for the body that was streamed, when the request's Idempotency-Key is compared with an earlier one."""
    exchange_of(request.scope).body = digest
