"""What the edge itself refuses, before or beside the domain.

DomainError
├── EdgeError                 the request is not well formed; each has its own status
│   ├── MalformedBody           400, the body is not JSON that we accept
│   ├── UnknownParameter        400, a query parameter that the route does not know
│   ├── InvalidCursor           400, a cursor that we did not give out
│   ├── CursorMismatch          400, a cursor of another filter or order
│   ├── InvalidIdempotencyKey   400
│   ├── InvalidIfMatch          400
│   ├── UnsupportedMediaType    415
│   └── InternalError           500, a mistake of ours; for the OpenAPI document
├── Conflict
│   ├── RequestInFlight       the same Idempotency-Key is being worked on
│   ├── AlreadyExists         a unique constraint that no service has caught
│   ├── ReferenceBroken       a foreign key that no service has caught
│   ├── JobFinished
│   └── KeyAlreadyRevoked
├── Invalid
│   ├── IdempotencyMismatch   the same Idempotency-Key came with another request
│   ├── TextRefused           a text holds U+0000
│   ├── ValueRefused          Postgres refuses a value
│   └── UnknownScopes
├── NotFound
│   ├── JobNotFound
│   └── KeyNotFound
├── Unavailable
│   └── Busy                  a lock or a deadlock is in the way
├── Forbidden
│   └── MissingScope          the caller lacks the scope
└── Unauthenticated
    └── InvalidCredentials    the key or token is unknown, expired or revoked
"""

from typing import ClassVar

from shared.errors import Conflict, DomainError, Forbidden, Invalid, Kind, NotFound, Unauthenticated, Unavailable


class EdgeError(DomainError):
    """A request that is refused for its form; knows its status, for it is about HTTP alone."""

    kind = Kind.INVALID
    status: ClassVar[int] = 400


class MalformedBody(EdgeError):
    code = "malformed_body"
    title = "The body is not valid JSON."


class UnknownParameter(EdgeError):
    code = "unknown_parameter"
    title = "The query has a parameter that this route does not know."


class InvalidCursor(EdgeError):
    code = "invalid_cursor"
    title = "This cursor was not given out by this list."


class CursorMismatch(EdgeError):
    code = "cursor_mismatch"
    title = "This cursor belongs to another filter or order."


class InvalidIdempotencyKey(EdgeError):
    code = "invalid_idempotency_key"
    title = "Idempotency-Key must be 1 to 255 visible ASCII characters."


class InvalidIfMatch(EdgeError):
    code = "invalid_if_match"
    title = "If-Match must hold one entity tag, as ETag gave it."


class UnsupportedMediaType(EdgeError):
    code = "unsupported_media_type"
    title = "Send the body as application/json in UTF-8."
    status = 415


class RequestInFlight(Conflict):
    code = "request_in_flight"
    title = "A request with this Idempotency-Key is being worked on; try again."


class IdempotencyMismatch(Invalid):
    code = "idempotency_mismatch"
    title = "This Idempotency-Key was used with another request."


class MissingScope(Forbidden):
    code = "missing_scope"
    title = "The key or token lacks the scope that this needs."


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    title = "The key or token is unknown, expired or revoked."


class InternalError(EdgeError):
    code = "internal_error"
    title = "Something went wrong here; it is not your fault."
    status = 500


class TextRefused(Invalid):
    """A text holds a character that no database column takes."""

    code = "nul_character"
    title = "Text must not hold the character U+0000."


class AlreadyExists(Conflict):
    code = "already_exists"
    title = "Something with this identity exists already."


class ReferenceBroken(Conflict):
    code = "reference_broken"
    title = "Something that this refers to, or that refers to it, does not allow this."


class ValueRefused(Invalid):
    code = "value_refused"
    title = "A value is outside of what can be stored."


class Busy(Unavailable):
    code = "busy"
    title = "Another change is in the way; try again."


class KeyNotFound(NotFound):
    code = "key_not_found"
    title = "There is no such key."


class JobNotFound(NotFound):
    code = "job_not_found"
    title = "There is no such job."


class JobFinished(Conflict):
    code = "job_finished"
    title = "The job has ended already."


class KeyAlreadyRevoked(Conflict):
    code = "key_already_revoked"
    title = "This key is revoked already."


class UnknownScopes(Invalid):
    code = "unknown_scopes"
    title = "Some scopes are not in the catalogue."
