"""Keeps erased identities from coming back through batches and imports; single writes meet the same gate in the database."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from customers.privacy.erasures import repository
from shared.database.pool import Connection

_KINDS = ("email", "phone", "external_id")
# So old may the news be, in this process, that nobody was erased: the gate in the database is never stale.
_CACHE_SECONDS = 1.0


class _Cache:
    """Whether anybody was erased, as this process last saw it; once true, it stays."""

    def __init__(self) -> None:
        self.anybody = False
        self.fresh_until = 0.0


_cache = _Cache()


def remember_somebody() -> None:
    """Look before each batch from now on: somebody is being erased."""
    _cache.anybody = True


async def _was_anybody_erased(connection: Connection) -> bool:
    if not _cache.anybody and time.monotonic() >= _cache.fresh_until:
        _cache.fresh_until = time.monotonic() + _CACHE_SECONDS
        _cache.anybody = await repository.any_suppressed(connection)
    return _cache.anybody


async def places_refused(connection: Connection, profiles: Sequence[Mapping[str, Any]]) -> set[int]:
    """Return the places of those profiles that would bring an erased identity back.

    Costs a glance a second at an empty table while nobody was erased, and one round trip for all profiles else.

    Args:
        connection: to read with.
        profiles: fields of each, of which `email`, `phone` and `external_id` matter.
    """
    identities = [
        (place, kind, value) for place, profile in enumerate(profiles) for kind in _KINDS if isinstance(value := profile.get(kind), str)
    ]
    if not identities or not await _was_anybody_erased(connection):
        return set()
    return await repository.suppressed(connection, identities)


async def erased_among(connection: Connection, external_ids: Iterable[str]) -> set[str]:
    """Return those external ids that would bring an erased customer back."""
    asked = sorted(set(external_ids))
    return {asked[place] for place in await places_refused(connection, [{"external_id": each} for each in asked])}
