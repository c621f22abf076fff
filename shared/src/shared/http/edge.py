"""The one middleware, in pure ASGI: request id, trace, body limit, metrics, and the last net under the application."""

import os
import re
import time
from collections.abc import Mapping
from typing import Any

import structlog
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import TooLarge
from shared.http.exchange import Exchange, open_exchange
from shared.http.problem_handlers import internal_error
from shared.http.problems import problem_of, problem_response
from shared.telemetry import continue_trace, counter, current_traceparent, histogram

_access = structlog.get_logger("shared.http.access")

_REQUEST_ID = re.compile(rb"^[A-Za-z0-9._-]{1,64}$")
_UNROUTED = "(none)"

_REQUESTS = counter("http_requests_total", "Requests answered.", ("method", "route", "status"))
_DURATION = histogram("http_request_duration_seconds", "Time from the first byte asked to the last byte answered.", ("method", "route"))
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Edge:
    """The outermost layer of the application.

    Args:
        app: what it wraps.
        max_body_bytes: largest body that is read.
        larger_bodies: largest body by method and path, for routes with a limit of their own.
        spans: whether spans are recorded.
        access_log: whether each request is logged; costs a quarter of the throughput.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        larger_bodies: Mapping[tuple[str, str], int] | None = None,
        spans: bool = False,
        access_log: bool = False,
    ) -> None:
        self.app = app
        self.max_body_bytes = max_body_bytes
        self.larger_bodies = larger_bodies or {}
        self.access_log = access_log
        self._tracer = trace.get_tracer("shared.http") if spans else None
        self._meters: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other scopes pass through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = traceparent = declared = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                request_id = value
            elif name == b"traceparent":
                traceparent = value
            elif name == b"content-length":
                declared = value
        answer = _Answer(self, scope, receive, send, request_id, traceparent)
        if declared is not None and (not declared.isdigit() or int(declared) > answer.max_body_bytes):
            await answer.refuse_body()
            return
        if self._tracer is None:
            await answer.run()
        else:
            await self._run_in_span(answer, scope)

    async def _run_in_span(self, answer: "_Answer", scope: Scope) -> None:
        carrier = {"traceparent": answer.exchange.traceparent}
        token = otel_context.attach(TraceContextTextMapPropagator().extract(carrier))
        try:
            assert self._tracer is not None
            with self._tracer.start_as_current_span(f"{scope['method']}", kind=SpanKind.SERVER) as span:
                inner: dict[str, str] = {}
                TraceContextTextMapPropagator().inject(inner)
                answer.exchange.traceparent = inner.get("traceparent", answer.exchange.traceparent)
                await answer.run()
                route = _template_of(scope)
                span.update_name(f"{scope['method']} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": answer.status})
        finally:
            otel_context.detach(token)

    def measure(self, scope: Scope, status: int, seconds: float) -> None:
        """Count an answered request under its route's template."""
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = _template_of(scope)
        meters = self._meters.get((method, route, status))
        if meters is None:
            meters = (_REQUESTS.labels(method, route, str(status)), _DURATION.labels(method, route))
            self._meters[method, route, status] = meters
        meters[0].inc()
        meters[1].observe(seconds)
        if self.access_log:
            _access.info("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))


class _Answer:
    """One request on its way through the edge."""

    __slots__ = ("_begun", "_edge", "_read", "_receive", "_scope", "_send", "_started_at", "exchange", "max_body_bytes", "status")

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send, request_id: bytes | None, traceparent: bytes | None) -> None:
        self._started_at = time.perf_counter()
        given = request_id is not None and _REQUEST_ID.match(request_id)
        named = request_id.decode() if request_id is not None and given else f"req_{os.urandom(12).hex()}"
        self.exchange = Exchange(named, continue_trace(traceparent.decode("latin-1") if traceparent else None))
        open_exchange(scope, self.exchange)
        self._edge = edge
        self._scope = scope
        self._receive = receive
        self._send = send
        self._read = 0
        self._begun = False
        self.max_body_bytes = edge.max_body_bytes
        if edge.larger_bodies:
            self.max_body_bytes = edge.larger_bodies.get((scope["method"], scope["path"]), edge.max_body_bytes)
        self.status = 500

    async def run(self) -> None:
        token = current_traceparent.set(self.exchange.traceparent)
        try:
            await self._edge.app(self._scope, self.receive, self.send)
        except TooLarge:
            if self._begun:
                raise
            await self.refuse_body()
        except Exception as error:  # noqa: BLE001 - the last net: whatever falls through the application
            await self._fail(error)
        finally:
            current_traceparent.reset(token)
            self._edge.measure(self._scope, self.status, time.perf_counter() - self._started_at)

    async def receive(self) -> Message:
        """Pass the body on, as long as it keeps to the limit; it may come in chunks without a length."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if self._read > self.max_body_bytes:
                raise TooLarge
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self._begun = True
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.exchange.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
                *self.exchange.rate_headers,
            ]
        await self._send(message)

    async def refuse_body(self) -> None:
        """Answer 413 without reading further."""
        error = TooLarge(limit_bytes=self.max_body_bytes)
        response = problem_response(problem_of(error, request_id=self.exchange.request_id), {"connection": "close"})
        await response(self._scope, self._receive, self.send)

    async def _fail(self, error: Exception) -> None:
        response = internal_error(error, self.exchange.request_id)
        # Headers are gone already: all that is left is to cut the connection, which the server does for us.
        if self._begun:
            raise error
        await response(self._scope, self._receive, self.send)


def _template_of(scope: Scope) -> str:
    route = scope.get("route")
    return getattr(route, "path", _UNROUTED)
