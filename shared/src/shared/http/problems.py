"""Problem details (RFC 9457): the one table from kinds of errors to statuses, and the one shape of an error's answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from shared.errors import DomainError, Kind
from shared.http.errors import EdgeError

MEDIA_TYPE = "application/problem+json"

STATUS_OF: Mapping[Kind, int] = {
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.PRECONDITION_FAILED: 412,
    Kind.TOO_LARGE: 413,
    Kind.INVALID: 422,
    Kind.PRECONDITION_REQUIRED: 428,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}

# Every error that a route has listed, by code and package, for the examples in the OpenAPI document: two services in one process,
# as in tests, may each have an error of one code.
DESCRIBED: dict[str, dict[str, type[DomainError]]] = {}

# A body with a thousand mistakes is told its first hundred.
MAX_FIELD_ERRORS = 100
# Names of fields come from the caller; a pointer is cut where it stops being useful.
_MAX_POINTER = 200
_SAMPLE_REQUEST = "req_5c2d1e0f9a8b7c6d5e4f3a2b"
_BODY, _QUERY = "body", "query"
# Messages of these types quote the input or the library's inner words.
_PLAIN_DETAILS = {
    "union_tag_invalid": "The kind is not one of those allowed here.",
    "uuid_parsing": "Input should be a valid UUID.",
    "url_parsing": "Input should be a valid URL.",
    "json_invalid": "Input should be valid JSON.",
}


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer to the field (RFC 6901).", examples=["/email"])
    code: str = Field(description="Stable slug.", examples=["string_too_long"])
    detail: str = Field(description="For people.", examples=["String should have at most 200 characters"])
    location: str = Field(default=_BODY, description="Where the pointer starts: body, query, path or header.", examples=[_BODY])


class Problem(BaseModel):
    """An error as RFC 9457 describes it; errors of one kind can carry further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="URI of this kind of problem.", examples=["urn:regulars:problem:customer_not_found"])
    title: str = Field(description="What is wrong, the same for all problems of a code.", examples=["There is no such customer."])
    status: int = Field(description="HTTP status.", examples=[404])
    detail: str | None = Field(default=None, description="What is wrong this time.")
    code: str = Field(description="Stable slug that programs may rely on.", examples=["customer_not_found"])
    request_id: str | None = Field(default=None, description="Names this request in our logs.", examples=[_SAMPLE_REQUEST])
    errors: list[FieldError] | None = Field(default=None, description="What is wrong with single fields.")


def status_of(error: DomainError | type[DomainError]) -> int:
    """Return the HTTP status of an error."""
    kind = error if isinstance(error, type) else type(error)
    return kind.status if issubclass(kind, EdgeError) else STATUS_OF[kind.kind]


def problems(*errors: type[DomainError]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route that can fail with these errors; what the edge refuses is added for every route.

    Args:
        errors: classes of the domain's errors.
    """
    by_status: dict[int, list[type[DomainError]]] = {}
    for error in errors:
        by_status.setdefault(status_of(error), []).append(error)
        DESCRIBED.setdefault(error.code, {})[package_of(error)] = error
    return {status: describe(members) for status, members in sorted(by_status.items())}


def package_of(thing: Any) -> str:
    """Return the package that a class or function is of, such as `customers`."""
    return thing.__module__.partition(".")[0]


def describe(errors: Sequence[type[DomainError]]) -> dict[str, Any]:
    """Return the OpenAPI response of the errors that share a status."""
    examples = {error.code: {"$ref": f"#/components/examples/{error.code}"} for error in errors}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": " ".join(e.title for e in errors), "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}}}


def example_of(error: type[DomainError]) -> dict[str, Any]:
    """Return the OpenAPI example of an error."""
    return {"summary": error.title, "value": body_of(status_of(error), error.code, error.title, request_id=_SAMPLE_REQUEST)}


def body_of(
    status: int,
    code: str,
    title: str,
    *,
    detail: str | None = None,
    request_id: str | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
    extras: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the members of a problem."""
    body = dict(extras or {})
    body |= {"type": f"urn:regulars:problem:{code}", "title": title, "status": status, "code": code}
    if detail:
        body["detail"] = detail
    if request_id:
        body["request_id"] = request_id
    if errors:
        body["errors"] = list(errors)
    return body


def problem_of(error: DomainError | ValidationError, *, request_id: str | None = None) -> dict[str, Any]:
    """Return a domain error, or pydantic's about one item, as a problem; batches put it beside the item."""
    if isinstance(error, ValidationError):
        found = field_errors(error.errors(include_url=False, include_input=False))
        return body_of(422, "validation_failed", VALIDATION_TITLE, request_id=request_id, errors=found)
    errors = None
    if error.pointer is not None:
        errors = [{"pointer": error.pointer, "code": error.code, "detail": error.detail or error.title, "location": _BODY}]
    extras = {name: value for name, value in error.extras.items() if value is not None}
    location = extras.pop("location", None)
    if errors and location:
        errors[0]["location"] = location
    return body_of(status_of(error), error.code, error.title, detail=error.detail, request_id=request_id, errors=errors, extras=extras)


VALIDATION_TITLE = "Some fields are not as described."


def field_errors(found: Sequence[Mapping[str, Any]], *, location: str | None = None) -> list[dict[str, Any]]:
    """Return pydantic's errors as pointers and codes, without the input.

    Args:
        found: `ValidationError.errors()`.
        location: where all pointers start; None when each `loc` begins with it, as FastAPI's do.
    """
    return [_field_error(each, location) for each in found[:MAX_FIELD_ERRORS]]


def pointer_of(path: Sequence[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) of a path."""
    pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return pointer.encode("utf-8", "replace").decode()[:_MAX_POINTER]


def _field_error(error: Mapping[str, Any], location: str | None) -> dict[str, Any]:
    path = tuple(error["loc"])
    if location is None:
        location = str(path[0]) if path and path[0] in {_BODY, _QUERY, "path", "header", "cookie"} else _BODY
        path = path[1:] if path and path[0] == location else path
    code = str(error["type"])
    return {"pointer": pointer_of(path), "code": code, "detail": _detail(code, error), "location": location}


def _detail(code: str, error: Mapping[str, Any]) -> str:
    if code in _PLAIN_DETAILS:
        return _PLAIN_DETAILS[code]
    message = str(error["msg"])
    if code == "value_error":
        # The reason after the colon is the library's (it can quote the input), unless our own validator raised it.
        return message.removeprefix("Value error, ") if message.startswith("Value error, ") else message.split(":", maxsplit=1)[0]
    return message


def problem_response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem as a response; `retry_after_seconds` also becomes Retry-After."""
    sent = dict(headers or {})
    if "retry_after_seconds" in body:
        sent["retry-after"] = str(max(1, round(body["retry_after_seconds"])))
    if body["status"] == 401:
        sent["www-authenticate"] = "Bearer"
    return Response(orjson.dumps(body), status_code=body["status"], headers=sent, media_type=MEDIA_TYPE)
