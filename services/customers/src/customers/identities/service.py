"""What can be done with identities."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from customers.duplicates import marks
from customers.identities import repository
from customers.identities.errors import IdentityBlocked, IdentityLimitReached, IdentityNotFound, IdentityOfProfile
from customers.identities.repository import Kept
from customers.identities.rules import (
    DEFAULT_RULES,
    MAX_SHARED,
    MAX_SHARERS,
    SHARED_KINDS,
    Found,
    Identity,
    IdentityRules,
    agreed,
    is_blocked,
    is_over_shared,
    read_rules,
    written_rules,
)
from customers.links.repository import family
from customers.privacy.erasures.errors import refusing_erased
from shared.database.pool import Connection
from shared.errors import PreconditionFailed
from shared.http.etags import check_version

# The version of the rules that come with the product.
FIRST_VERSION = 1
_OF_PROFILE = "profile."

Standing = Literal["resolves", "blocked", "shared"]


class Shown(NamedTuple):
    """An identity of a customer, and whether it leads to him."""

    kept: Kept
    standing: Standing


async def rules(connection: Connection) -> tuple[int, IdentityRules]:
    """Return the rules and their version."""
    stored = await repository.rules(connection)
    return (FIRST_VERSION, DEFAULT_RULES) if stored is None else (stored[0], read_rules(stored[1]))


async def replace_rules(connection: Connection, wanted: IdentityRules, match: int) -> int:
    """Replace the version of the rules that the caller has read; return the new version.

    Raises:
        PreconditionFailed: they were changed since.
    """
    present, _ = await rules(connection)
    check_version(match, present)
    version = await repository.set_rules(connection, match, written_rules(wanted))
    if version is None:
        raise PreconditionFailed
    return version


async def find(connection: Connection, identities: Sequence[Identity]) -> list[Found]:
    """Return, for each identity, whom it leads to and whether it may: two statements for any number.

    Blocked values are not even looked up.
    """
    _, present = await rules(connection)
    return await _find(connection, present, identities)


async def resolve(connection: Connection, identities: Sequence[Identity]) -> str:
    """Return the customer whom some identities lead to: the root of his family.

    Raises:
        NobodyResolved: none of them leads to anybody.
        IdentitiesDisagree: they lead to different customers.
        CustomerAmbiguous: they lead to several customers.
    """
    return agreed(await find(connection, identities))


async def listed(connection: Connection, customer_id: str) -> list[Shown]:
    """Return all identities of a customer, those of his profile and of records merged into his included, each once.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    members = await family(connection, customer_id)
    order = {record: place for place, record in enumerate(members.ids)}
    kept = sorted(await repository.of_records(connection, members.ids), key=lambda each: order[each.customer_id])
    once = {each.identity: each for each in reversed(kept)}
    found = await find(connection, list(once))
    shown = [Shown(each, _standing(state)) for each, state in zip(once.values(), found, strict=True)]
    return sorted(shown, key=lambda each: (each.kept.first_seen_at, each.kept.id, each.kept.customer_id))


async def add(connection: Connection, customer_id: str, identity: Identity, seen_at: datetime) -> tuple[Shown, bool]:
    """Give a customer an identity, on the record that was named; return it and whether it is new.

    Raises:
        CustomerNotFound: there is no such customer.
        IdentityBlocked: the value identifies nobody.
        IdentityLimitReached: he was given too many of this kind in the period of the rules.
        IdentityErased: whom it belonged to was erased.
    """
    members = await family(connection, customer_id)
    _, present = await rules(connection)
    if is_blocked(present, identity.kind, identity.value):
        raise IdentityBlocked(pointer="/value")
    limit = present.limit(identity.kind)
    if limit.max_values is not None:
        await repository.lock(connection, members.root_id)
        since = None if limit.period_days is None else seen_at - timedelta(days=limit.period_days)
        if await repository.count_others(connection, members.ids, identity, since) >= limit.max_values:
            raise IdentityLimitReached(limit=limit.max_values, period_days=limit.period_days)
    with refusing_erased():
        kept, is_new = await repository.add(connection, customer_id, identity, seen_at)
    if is_new:
        await marks.mark(connection, [customer_id])
    [found] = await _find(connection, present, [identity])
    return Shown(kept, _standing(found)), is_new


async def add_shared(connection: Connection, customer_id: str, identity: Identity, seen_at: datetime) -> None:
    """Note an identity that too many have for it to lead to one of them, as long as it tells who may know each other."""
    if identity.kind in SHARED_KINDS and await repository.add_shared(connection, customer_id, identity, seen_at, MAX_SHARERS):
        await marks.mark(connection, [customer_id])


async def remove(connection: Connection, customer_id: str, identity_id: str) -> None:
    """Take an identity from a customer.

    Raises:
        CustomerNotFound: there is no such customer.
        IdentityNotFound: he has no such identity.
        IdentityOfProfile: it is a field of his profile.
    """
    members = await family(connection, customer_id)
    if identity_id.startswith(_OF_PROFILE):
        raise IdentityOfProfile
    record_id = await repository.remove(connection, identity_id, members.ids)
    if record_id is None:
        raise IdentityNotFound
    # Whoever resembled him by it may do so no more.
    await marks.mark(connection, [record_id])


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Delete what is kept of records here; return how many rows by table."""
    return {"customer_identities": await repository.erase(connection, ids)}


async def collect(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is kept of records here, by table."""
    return {"customer_identities": await repository.collect(connection, ids)}


async def _find(connection: Connection, present: IdentityRules, identities: Sequence[Identity]) -> list[Found]:
    usable = [each for each in dict.fromkeys(identities) if not is_blocked(present, each.kind, each.value)]
    roots: Mapping[Identity, frozenset[str]] = {}
    if usable:
        roots = dict(zip(usable, await repository.holders(connection, usable, MAX_SHARED + 1), strict=True))
    return [_found(present, each, roots.get(each)) for each in identities]


def _found(present: IdentityRules, identity: Identity, roots: frozenset[str] | None) -> Found:
    if roots is None:
        return Found(identity, frozenset(), "blocked")
    if is_over_shared(present, identity.kind, len(roots)):
        return Found(identity, frozenset(), "shared")
    return Found(identity, roots, None)


def _standing(found: Found) -> Standing:
    return found.ignored or "resolves"
