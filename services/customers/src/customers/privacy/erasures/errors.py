"""What can go wrong with erasures.

NotFound └── ErasureNotFound
Conflict ├── IdentityErased
         └── FamilyMoving
"""

from collections.abc import Iterator
from contextlib import contextmanager

from asyncpg import CheckViolationError, IntegrityConstraintViolationError

from shared.errors import Conflict, NotFound

# The constraint that the database names when a write brings an erased identity back.
_CONSTRAINT = "identity_erased"


class ErasureNotFound(NotFound):
    code = "erasure_not_found"
    title = "There is no such erasure."


class IdentityErased(Conflict):
    code = "identity_erased"
    title = "Whom this identity belongs to was erased and may not come back."


class FamilyMoving(Conflict):
    code = "family_moving"
    title = "The customer is being merged at this moment; try again."


def is_of_erased(error: IntegrityConstraintViolationError) -> bool:
    """Tell whether the database refused what brings an erased identity back."""
    # The driver sets what the server told as attributes that it does not declare.
    return getattr(error, "constraint_name", None) == _CONSTRAINT


@contextmanager
def refusing_erased() -> Iterator[None]:
    """Say politely what the database refuses when a write in the block brings an erased identity back.

    Raises:
        IdentityErased: it does.
    """
    try:
        yield
    except CheckViolationError as error:
        if is_of_erased(error):
            raise IdentityErased from error
        raise
