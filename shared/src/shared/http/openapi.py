"""The OpenAPI 3.1 document: what FastAPI writes, completed with what the edge does on every operation."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from shared.errors import (
    DomainError,
    Forbidden,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from shared.http.callers import present_caller
from shared.http.errors import (
    AlreadyExists,
    IdempotencyMismatch,
    InternalError,
    InvalidCredentials,
    InvalidIdempotencyKey,
    InvalidIfMatch,
    MalformedBody,
    MissingScope,
    ReferenceBroken,
    RequestInFlight,
    TextRefused,
    UnknownParameter,
    UnsupportedMediaType,
    ValueRefused,
)
from shared.http.etags import ETAG_PATTERN, if_match_header
from shared.http.problems import DESCRIBED, MEDIA_TYPE, Problem, describe, example_of, package_of, status_of
from shared.http.routing import Route
from shared.http.unit import enter_single_write, enter_unit_of_work

_SCHEME = "key_or_token"
_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
_VALIDATION_SCHEMAS = ("HTTPValidationError", "ValidationError")
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes trying again safe: the same key and request get the same answer, whatever happened in between.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
    "example": "0193a4f2-order-10042",
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what the caller has: 304 without a body while it is the same.",
    "schema": {"type": "string"},
    "example": '"3"',
}
_ETAG = {"description": "Stays as long as the answer does.", "schema": {"type": "string", "pattern": ETAG_PATTERN}, "example": '"3"'}
_NOT_MODIFIED = {"description": "The caller has it already.", "headers": {"ETag": _ETAG}}


_EDGE_ERRORS: dict[str, type[DomainError]] = {}


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application whose operations are `Route`s."""
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=app.description,
        routes=routes,
        tags=app.openapi_tags,
        separate_input_output_schemas=False,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    components["securitySchemes"] = {
        _SCHEME: {"type": "http", "scheme": "bearer", "description": "A server key (`rk_…`), or a member's or staff's token."}
    }
    for route, operation in _operations(routes, document):
        _complete(route, operation)
    for name in _VALIDATION_SCHEMAS:
        schemas.pop(name, None)
    components["schemas"] = dict(sorted(schemas.items()))
    packages = {package_of(route.endpoint) for route in routes}
    components["examples"] = {code: example_of(_error_of(code, packages)) for code in sorted(_used_examples(document))}
    return document


def _error_of(code: str, packages: set[str]) -> type[DomainError]:
    """Return the error of a code: the edge's, else the one that belongs to the application's own packages."""
    if code in _EDGE_ERRORS:
        return _EDGE_ERRORS[code]
    described = DESCRIBED[code]
    return next((error for package, error in sorted(described.items()) if package in packages), next(iter(described.values())))


def _operations(routes: list[APIRoute], document: dict[str, Any]) -> Iterator[tuple[Route, dict[str, Any]]]:
    for route in routes:
        if isinstance(route, Route) and route.include_in_schema:
            for method in route.methods or ():
                yield route, document["paths"][route.path_format][method.lower()]


def _complete(route: Route, operation: dict[str, Any]) -> None:
    scopes = sorted({requirement.scope for requirement in route.requirements})
    known = bool(scopes) or _depends_on(route.dependant, present_caller)
    operation["security"] = [{_SCHEME: scopes}] if known else []
    responses = operation["responses"]
    # FastAPI's own description of a validation error is not what we send.
    if _JSON in responses.get("422", {}).get("content", {}):
        del responses["422"]
    if _is_idempotent(route) and "POST" in (route.methods or ()):
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "if-match":
            parameter |= {"name": "If-Match", "required": True, "schema": {"type": "string", "pattern": ETAG_PATTERN}}
    if "GET" in (route.methods or ()) and _JSON in responses.get("200", {}).get("content", {}):
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        responses["200"].setdefault("headers", {})["ETag"] = _ETAG
        responses["304"] = _NOT_MODIFIED
    body = operation.get("requestBody", {}).get("content", {})
    if "PATCH" in (route.methods or ()) and _JSON in body:
        body[_MERGE_PATCH] = body[_JSON]
    by_status: dict[int, list[type[DomainError]]] = {}
    for error in _refusals(route):
        _EDGE_ERRORS[error.code] = error
        by_status.setdefault(status_of(error), []).append(error)
    for status, errors in by_status.items():
        _merge(responses, str(status), describe(errors))
    operation["responses"] = dict(sorted(responses.items()))


def _is_idempotent(route: Route) -> bool:
    return any(_depends_on(route.dependant, each) for each in (enter_unit_of_work, enter_single_write))


def _merge(responses: dict[str, Any], status: str, described: dict[str, Any]) -> None:
    present = responses.setdefault(status, described)
    content = present.setdefault("content", {}).setdefault(MEDIA_TYPE, described["content"][MEDIA_TYPE])
    examples = content.setdefault("examples", {})
    for name, example in described["content"][MEDIA_TYPE]["examples"].items():
        examples.setdefault(name, example)


def _refusals(route: Route) -> Iterator[type[DomainError]]:
    """Yield what the edge can refuse a request of this route for."""
    methods = route.methods or set()
    writes = not methods <= {"GET", "HEAD"}
    yield from (UnknownParameter, TooMany, Unavailable, TooLarge, ValueRefused, InternalError)
    if route.requirements or _depends_on(route.dependant, present_caller):
        yield from (Unauthenticated, InvalidCredentials, Forbidden, MissingScope)
    if "{" in route.path_format or any(requirement.own for requirement in route.requirements):
        yield NotFound
    if route.body_field is not None:
        yield from (MalformedBody, UnsupportedMediaType, TextRefused)
    if _is_idempotent(route):
        yield from (RequestInFlight, IdempotencyMismatch, InvalidIdempotencyKey)
    if writes:
        yield from (AlreadyExists, ReferenceBroken)
    if _depends_on(route.dependant, if_match_header):
        yield from (PreconditionFailed, PreconditionRequired, InvalidIfMatch)


def _depends_on(dependant: Any, call: Any) -> bool:
    return dependant.call is call or any(_depends_on(inner, call) for inner in dependant.dependencies)


def _used_examples(document: dict[str, Any]) -> set[str]:
    return {
        name
        for operations in document["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for name in response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
    }
