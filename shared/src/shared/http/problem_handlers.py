"""Turns whatever is raised below the edge into problem+json."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from shared.errors import DomainError, Unavailable
from shared.http import postgres_errors
from shared.http.errors import InternalError
from shared.http.exchange import exchange_of
from shared.http.problems import VALIDATION_TITLE, body_of, field_errors, problem_of, problem_response
from shared.telemetry import where

_log = structlog.get_logger("shared.http")

Handler = Callable[[Request, Any], Awaitable[Response]]

_HTTP_CODES = {404: "route_not_found", 405: "method_not_allowed"}
_HTTP_TITLES = {404: "There is no such route.", 405: "This route does not know that method."}


def add_problem_handlers(app: FastAPI) -> None:
    """Register the handlers."""
    handlers: dict[type[Exception], Handler] = {
        DomainError: on_domain_error,
        RequestValidationError: on_validation_error,
        HTTPException: on_http_exception,
        **dict.fromkeys(postgres_errors.CAUGHT, on_database_error),
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def on_domain_error(request: Request, error: DomainError) -> Response:
    """Answer with the error's own code and the status of its kind."""
    if isinstance(error, Unavailable):
        error.extras.setdefault("retry_after_seconds", postgres_errors.RETRY_AFTER_SECONDS)
        _log.warning("unavailable", code=error.code, cause=type(error.__cause__).__name__ if error.__cause__ else None)
    body = problem_of(error, request_id=exchange_of(request.scope).request_id)
    headers = {"etag": error.extras["current_etag"]} if "current_etag" in error.extras else None
    return problem_response(body, headers)


async def on_validation_error(request: Request, error: RequestValidationError) -> Response:
    """Answer 422 with a pointer to each field that is not as described."""
    request_id = exchange_of(request.scope).request_id
    return problem_response(body_of(422, "validation_failed", VALIDATION_TITLE, request_id=request_id, errors=field_errors(error.errors())))


async def on_http_exception(request: Request, error: HTTPException) -> Response:
    """Answer what Starlette refuses: unknown routes and methods."""
    request_id = exchange_of(request.scope).request_id
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == 405:
        headers["allow"] = ", ".join(_allowed_methods(request))
    code = _HTTP_CODES.get(error.status_code, "refused")
    title = _HTTP_TITLES.get(error.status_code, "The request was refused.")
    return problem_response(body_of(error.status_code, code, title, request_id=request_id), headers)


async def on_database_error(request: Request, error: Exception) -> Response:
    """Answer what Postgres and its driver say."""
    told = postgres_errors.translate(error)
    if told is None:
        return internal_error(error, exchange_of(request.scope).request_id)
    if not isinstance(told, Unavailable):
        # A service should have caught it: tell where it came from, so that one can teach it to.
        _log.info("uncaught_constraint", code=told.code, error=type(error).__name__, raised_at=where(error))
    told.__cause__ = error
    return await on_domain_error(request, told)


def internal_error(error: BaseException, request_id: str) -> Response:
    """Log a mistake of ours without any value, and return an answer that tells nothing of it."""
    _log.error("internal_error", request_id=request_id, error=type(error).__name__, raised_at=where(error))
    return problem_response(problem_of(InternalError(), request_id=request_id))


def _allowed_methods(request: Request) -> list[str]:
    matching = [route for route in request.app.router.routes if route.matches(request.scope)[0] is not Match.NONE]
    # `/v1/orders/batch` also has the form of `/v1/orders/{id}`, but is documented by itself.
    exact = [route for route in matching if getattr(route, "path", None) == request.scope["path"]]
    return sorted({method for route in exact or matching for method in getattr(route, "methods", None) or ()})
