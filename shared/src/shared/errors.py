"""What can go wrong in the domain, told without a word of HTTP.

DomainError
├── NotFound            the thing does not exist, or the caller may not know that it does
├── Conflict            the request is well formed but the present state refuses it
├── Invalid             a value is refused by a rule; names the field by a JSON pointer
├── Forbidden           the caller is known but lacks the right
├── Unauthenticated     the caller is not known
├── PreconditionFailed  the caller's version of the thing is not the present one
├── PreconditionRequired the caller must say which version he changes
├── TooMany             a limit on calls or sizes is exceeded
├── TooLarge            a body or a batch is over its limit
└── Unavailable         a dependency is away; the same call may succeed later

What can go wrong with an event, which no caller waits for:

PermanentError          a handler refuses it, and trying again cannot help
└── MalformedEvent      it tells something that cannot be
"""

from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    """The families of domain errors; one table in `shared.http.problems` maps each to a status."""

    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    PRECONDITION_FAILED = "precondition_failed"
    PRECONDITION_REQUIRED = "precondition_required"
    TOO_MANY = "too_many"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"


class DomainError(Exception):
    """An error that a caller may meet.

    Attributes:
        kind: the family it belongs to.
        code: a stable slug that clients may rely on.
        title: one sentence for people; never holds input.
        pointer: JSON pointer to the offending field, when there is one.
        extras: typed facts that help the caller, such as `{"retry_after_seconds": 3}`; never personal data.
    """

    kind: ClassVar[Kind]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str | None = None, *, pointer: str | None = None, **extras: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.pointer = pointer
        self.extras = extras


class NotFound(DomainError):
    kind = Kind.NOT_FOUND
    code = "not_found"
    title = "There is no such thing."


class Conflict(DomainError):
    kind = Kind.CONFLICT
    code = "conflict"
    title = "The present state does not allow this."


class Invalid(DomainError):
    kind = Kind.INVALID
    code = "invalid"
    title = "A value is not allowed."


class Forbidden(DomainError):
    kind = Kind.FORBIDDEN
    code = "forbidden"
    title = "You may not do this."


class Unauthenticated(DomainError):
    kind = Kind.UNAUTHENTICATED
    code = "unauthenticated"
    title = "A valid key or token is needed."


class PreconditionFailed(DomainError):
    kind = Kind.PRECONDITION_FAILED
    code = "version_mismatch"
    title = "It was changed since you read it."


class PreconditionRequired(DomainError):
    kind = Kind.PRECONDITION_REQUIRED
    code = "if_match_required"
    title = "Send If-Match with the ETag that you read."


class TooMany(DomainError):
    kind = Kind.TOO_MANY
    code = "rate_limited"
    title = "Too many requests."


class TooLarge(DomainError):
    kind = Kind.TOO_LARGE
    code = "too_large"
    title = "The body is over its limit."


class Unavailable(DomainError):
    kind = Kind.UNAVAILABLE
    code = "unavailable"
    title = "A dependency is away; try again later."


class PermanentError(Exception):
    """A handler raises it when trying again cannot help; the event becomes a dead letter and its key waits."""


class MalformedEvent(PermanentError):
    """An event tells something that cannot be; names the field, never its value."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is out of range")
        self.field = field
