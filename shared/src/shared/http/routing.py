"""The route that every operation is: admits the caller, reads the body strictly, commits before the answer leaves."""

import inspect
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import APIRouter as _APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from shared.errors import NotFound, Unauthenticated
from shared.http import unit
from shared.http.batches import BatchRequest
from shared.http.body import read_json, refuse_nul
from shared.http.callers import Requirement, identify
from shared.http.errors import MalformedBody, UnknownParameter, UnsupportedMediaType
from shared.http.etags import answer_not_modified
from shared.http.exchange import Exchange, exchange_of
from shared.http.idempotency import Replay, check_key
from shared.http.problems import pointer_of
from shared.http.rate_limit import address_of
from shared.http.shortcut import without_ours
from shared.http.state import AppState, state_of
from shared.messaging.failpoints import failpoint

_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"


class JsonRequest(Request):
    """A request whose body is already read and whose JSON is read strictly."""

    _value: Any = None

    async def json(self) -> Any:
        """Return the value that the route has read."""
        return self._value


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a route does with a request before FastAPI sees it; worked out once."""

    requirements: tuple[Requirement, ...]
    parameters: frozenset[str]
    takes_body: bool
    takes_batch: bool
    media_types: tuple[str, ...]
    limit_class: str

    async def admit(self, request: Request, exchange: Exchange) -> Any:
        """Verify caller, query and body, cheapest first; return the body's value."""
        state = state_of(request)
        await self._authorise(request, exchange, state)
        if "\x00" in request.scope["path"]:
            raise NotFound
        if request.scope["query_string"]:
            self._check_query(request)
        if "idempotency-key" in request.headers:
            check_key(request)
        if not self.takes_body:
            return None
        exchange.body = raw = await request.body()
        if not raw:
            return None
        self._check_media_type(request)
        value = read_json(raw)
        # In a batch each item answers for itself.
        if not self.takes_batch:
            refuse_nul(raw, value)
        return value

    async def _authorise(self, request: Request, exchange: Exchange, state: AppState) -> None:
        if not self.requirements:
            state.limiter.count(exchange, f"address:{address_of(request)}", self.limit_class)
            return
        try:
            caller = await identify(request, exchange, state)
        except Unauthenticated:
            state.limiter.count_failure(address_of(request))
            raise
        state.limiter.count(exchange, caller.principal, self.limit_class)
        for requirement in self.requirements:
            requirement.check(caller, request)

    def _check_query(self, request: Request) -> None:
        for name, value in request.query_params.multi_items():
            # A parameter `<prefix>.*` stands for all with the prefix.
            if name not in self.parameters and f"{name.partition('.')[0]}.*" not in self.parameters:
                raise UnknownParameter(pointer=pointer_of((name,)), location="query")
            if "\x00" in value:
                raise MalformedBody("A parameter holds the character U+0000.", pointer=pointer_of((name,)), location="query")

    def _check_media_type(self, request: Request) -> None:
        media_type, _, rest = request.headers.get("content-type", "").partition(";")
        if media_type.strip().lower() not in self.media_types:
            raise UnsupportedMediaType
        charset = rest.strip().lower()
        if charset.startswith("charset=") and charset[8:].strip('"') not in {"utf-8", "utf8", "us-ascii"}:
            raise UnsupportedMediaType


class Route(APIRoute):
    """A route of the chassis; see the module."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # The content type is checked here, for each route that takes a body.
        options["strict_content_type"] = False
        endpoint = options.get("endpoint") or arguments[1]
        summary, _, rest = inspect.cleandoc(endpoint.__doc__ or "").partition("\n")
        options["summary"] = options.get("summary") or summary
        options["description"] = options.get("description") or rest.strip()
        super().__init__(*arguments, **options)
        # FastAPI falls back to the whole docstring, which begins with the summary.
        self.description = options["description"]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this route; most are for others, which takes no regular expression to see."""
        path, beginning = scope.get("path", ""), self._beginning
        is_others = not path.startswith(beginning) if len(beginning) < len(self.path) else path != beginning
        # Behind a prefix the path is compared without it.
        if is_others and not scope.get("root_path"):
            return Match.NONE, {}
        return super().matches(scope)

    @cached_property
    def _beginning(self) -> str:
        return self.path.partition("{")[0]

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """The scopes that the route needs."""
        return tuple(_requirements(self.dependant))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler: admission, FastAPI's own, then commit or rollback."""
        plan = self._plan()
        described = self.dependant
        self.dependant = without_ours(described)
        handle = super().get_route_handler()
        self.dependant = described

        async def edge(request: Request) -> Response:
            exchange = exchange_of(request.scope)
            exchange.managed = True
            try:
                value = await plan.admit(request, exchange)
                strict = JsonRequest(request.scope, request.receive)
                strict._value = value  # noqa: SLF001 - our own class
                strict._body = exchange.body  # noqa: SLF001 - Starlette keeps a body that was read there
                failpoint("request.before_work")
                response = await handle(strict)
                await unit.finish(exchange, response)
                failpoint("request.before_answer")
            except Replay as replay:
                response = replay.response
            finally:
                await unit.release(exchange, sys.exc_info()[1])
            return answer_not_modified(request, response)

        return edge

    def _plan(self) -> _Plan:
        writes = not (self.methods or set()) <= {"GET", "HEAD"}
        body_type = getattr(self.body_field, "field_info", None)
        annotation = getattr(body_type, "annotation", None)
        return _Plan(
            requirements=self.requirements,
            parameters=frozenset(_query_names(self.dependant)),
            takes_body=self.body_field is not None,
            takes_batch=isinstance(annotation, type) and issubclass(annotation, BatchRequest),
            media_types=(_JSON, _MERGE_PATCH) if "PATCH" in (self.methods or ()) else (_JSON,),
            limit_class="write" if writes else "read",
        )


class APIRouter(_APIRouter):
    """FastAPI's router whose routes are `Route`s."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("route_class", Route)
        super().__init__(*arguments, **options)


def _requirements(dependant: Dependant) -> list[Requirement]:
    found = [dependant.call] if isinstance(dependant.call, Requirement) else []
    for inner in dependant.dependencies:
        found.extend(_requirements(inner))
    return found


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    for inner in dependant.dependencies:
        names |= _query_names(inner)
    return names
