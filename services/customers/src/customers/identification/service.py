"""Resolution on write: somebody who is seen with some identifiers is found, or made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from customers.audit.service import Entry
from customers.audit.service import record as audit
from customers.identification import repository
from customers.identification.rules import WEAK, carried_by, known_by
from customers.identities import repository as kept
from customers.identities import service as identities
from customers.identities.errors import IdentityLimitReached, IdentityRefused, NobodyResolved
from customers.identities.rules import PROFILE_KINDS, Found, Identity, IdentityKind, normal
from customers.links.repository import family
from customers.profiles import records
from customers.profiles import service as profiles
from customers.profiles.errors import CustomerNotFound
from customers.profiles.repository import Stored
from customers.profiles.rules import Profile
from customers.provenance.rules import Provenance
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork

Reason = Literal["blocked", "shared", "limit"]


class Ignored(NamedTuple):
    """An identifier that says nothing of the customer, and why."""

    kind: IdentityKind
    reason: Reason


class Identified(NamedTuple):
    """Who it was.

    Attributes:
        customer_id: the customer.
        is_new: whether nobody had been him before.
        resolved_by: kinds of identifiers that led to him, sorted.
        ignored: those that were passed over.
    """

    customer_id: str
    is_new: bool
    resolved_by: list[IdentityKind]
    ignored: list[Ignored]


def read(kind: IdentityKind, value: str, source: str | None, place: int) -> Identity:
    """Return an identifier in its normal form.

    Raises:
        IdentityRefused: it is none of its kind; names its place.
    """
    try:
        return normal(kind, value, source)
    except IdentityRefused:
        raise IdentityRefused(pointer=f"/identities/{place}/value") from None


async def identify(
    uow: UnitOfWork, seen: Sequence[Identity], fields: Mapping[str, Any], told: Provenance, seen_at: datetime, now: datetime
) -> Identified:
    """Return the customer who was seen with some identifiers; he is made when they lead to nobody.

    What is not his yet is noted with him, within the limits of the rules. Two who see one identifier first make one customer.

    Args:
        uow: the transaction.
        seen: the identifiers.
        fields: what else is told of him, as in a merge patch.
        told: who tells it.
        seen_at: when he was seen.
        now: the present moment.

    Raises:
        IdentitiesDisagree: they lead to different customers.
        CustomerAmbiguous: they lead to several customers.
        NobodyResolved: none of them is trusted to stand for anybody.
        IdentityErased: one belonged to somebody who was erased.
    """
    connection = uow.connection
    await repository.lock(connection, seen)
    found = await identities.find(connection, seen)
    ignored = [Ignored(each.identity.kind, each.ignored) for each in found if each.ignored is not None]
    trusted = [each.identity for each in found if each.ignored is None]
    known = known_by(found)
    if known is None and (known := await _visitor(connection, found)) is not None:
        # Now he tells who he is.
        fields = _profile(trusted) | dict(fields)
    if known is None:
        if not trusted:
            raise NobodyResolved(ignored=[{"kind": each.kind, "reason": each.reason} for each in ignored])
        made = await profiles.register(uow, _profile(trusted) | dict(fields), now.date(), told)
        limited = await _note(connection, made, found, seen_at)
        return Identified(made.id, is_new=True, resolved_by=[], ignored=ignored + limited)
    root_id, resolved_by = known
    limited = await _note(connection, await _amended(uow, root_id, fields, told, now), found, seen_at)
    if told.actor is not None:
        await audit(connection, [Entry(told.actor, "contact_resolved", root_id, fields=tuple(resolved_by))])
    return Identified(root_id, is_new=False, resolved_by=resolved_by, ignored=ignored + limited)


async def _visitor(connection: Connection, found: Sequence[Found]) -> tuple[str, list[IdentityKind]] | None:
    """Return who had the device, if nothing but devices is known of him."""
    root_id = carried_by(found)
    if root_id is None:
        return None
    members = await family(connection, root_id)
    kinds = {each.identity.kind for each in await kept.of_records(connection, members.ids)}
    return (root_id, sorted(WEAK & kinds)) if kinds <= WEAK else None


def _profile(trusted: Sequence[Identity]) -> dict[str, Any]:
    """Return the identifiers that are fields of a profile, the first of each kind."""
    fields: dict[str, Any] = {}
    for each in trusted:
        if each.kind in PROFILE_KINDS and not each.source:
            fields.setdefault(each.kind, each.value)
    return fields


def _is_in(profile: Profile, identity: Identity) -> bool:
    if identity.kind not in PROFILE_KINDS or identity.source:
        return False
    value = getattr(profile, identity.kind)
    return value is not None and (value.lower() if identity.kind == "email" else value) == identity.value


async def _amended(uow: UnitOfWork, root_id: str, fields: Mapping[str, Any], told: Provenance, now: datetime) -> Stored:
    if not fields:
        return await profiles.found(uow.connection, root_id)
    locked = await records.lock(uow.connection, root_id)
    if locked is None:
        raise CustomerNotFound
    return await profiles.amend(uow, root_id, fields, locked.root.version, now.date(), told)


async def _note(connection: Connection, customer: Stored, found: Sequence[Found], seen_at: datetime) -> list[Ignored]:
    """Note with a customer what he was seen with; return what the rules do not let him have."""
    limited: list[Ignored] = []
    for each in found:
        if each.ignored == "shared":
            await identities.add_shared(connection, customer.id, each.identity, seen_at)
        is_known = (bool(each.roots) and each.identity.kind in PROFILE_KINDS) or _is_in(customer.profile, each.identity)
        if each.ignored is not None or is_known:
            continue
        try:
            await identities.add(connection, customer.id, each.identity, seen_at)
        except IdentityLimitReached:
            limited.append(Ignored(each.identity.kind, "limit"))
    return limited
