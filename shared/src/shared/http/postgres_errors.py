"""What Postgres and its driver say, as errors that a caller can be told of; never their messages, which hold values."""

import asyncpg

from shared.errors import DomainError, Unavailable
from shared.http.errors import AlreadyExists, Busy, ReferenceBroken, ValueRefused

RETRY_AFTER_SECONDS = 1


# The first match counts, so that subclasses stand before their bases.
_TABLE: tuple[tuple[tuple[type[BaseException], ...], type[DomainError]], ...] = (
    ((asyncpg.UniqueViolationError, asyncpg.ExclusionViolationError), AlreadyExists),
    ((asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError), ReferenceBroken),
    ((asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, asyncpg.exceptions._base.DataError), ValueRefused),  # noqa: SLF001
    ((asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError), Busy),
    (
        (
            asyncpg.PostgresConnectionError,
            asyncpg.OperatorInterventionError,
            asyncpg.InsufficientResourcesError,
            asyncpg.PostgresSystemError,
            asyncpg.ReadOnlySQLTransactionError,
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
            # The server's farewell came between two statements.
            asyncpg.InternalClientError,
            TimeoutError,
            OSError,
        ),
        Unavailable,
    ),
)
# The driver's own errors have one class; these tell of a lost connection, the others of a mistake of ours.
_LOST = ("connection is closed", "pool is clos", "connection was closed", "connection has been released", "in an error state")

CAUGHT: tuple[type[Exception], ...] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
    OSError,
)


def translate(error: BaseException) -> DomainError | None:
    """Return what a caller may be told, or None when the mistake is ours."""
    for classes, told in _TABLE:
        if isinstance(error, classes):
            return told(retry_after_seconds=RETRY_AFTER_SECONDS) if issubclass(told, Unavailable) else told()
    if isinstance(error, asyncpg.InterfaceError) and any(words in str(error) for words in _LOST):
        return Unavailable(retry_after_seconds=RETRY_AFTER_SECONDS)
    return None
