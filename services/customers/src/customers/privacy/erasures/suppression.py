"""Keeps erased identities from coming back through batches and imports; single writes meet the same gate in the database."""

from collections.abc import Mapping, Sequence
from typing import Any

from customers.privacy.erasures import repository
from shared.database.pool import Connection

_KINDS = ("email", "phone", "external_id")


async def places_refused(connection: Connection, profiles: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the places of those profiles that would bring an erased identity back.

    Costs a glance at an empty table while nobody was erased, and one round trip for all profiles else.

    Args:
        connection: to read with.
        profiles: fields of each, of which `email`, `phone` and `external_id` matter.
    """
    identities = [
        (place, kind, value) for place, profile in enumerate(profiles) for kind in _KINDS if isinstance(value := profile.get(kind), str)
    ]
    if not identities or not await repository.any_suppressed(connection):
        return set()
    return await repository.suppressed(connection, identities)
