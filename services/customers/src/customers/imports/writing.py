"""Turns the good rows of a piece into customers: set by set, in the transaction that moves the import on.

Rows of one customer are told as one, in their order, and make one change set. A dry run goes the same way and stops before it writes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from asyncpg import IntegrityConstraintViolationError, UniqueViolationError

from customers.identities import service as identities
from customers.identities.errors import IdentityLimitReached
from customers.identities.rules import IdentityRules, is_blocked, is_over_shared
from customers.imports import matching, noting, storing
from customers.imports import repository as imports
from customers.imports.grouping import Group, together, told_by
from customers.imports.noting import News, Seen
from customers.imports.outcomes import Order, Outcome
from customers.imports.preparing import Prepared
from customers.imports.resolving import Holders, Known, Party, kept_name, number_of, refusal_of, resolve
from customers.imports.targets import Key, identity_of
from customers.imports.validation import Draft
from customers.privacy.erasures import repository as erasures
from customers.privacy.erasures.errors import IdentityErased
from customers.privacy.erasures.suppression import places_refused
from shared.database.moments import database_now
from shared.database.unit_of_work import UnitOfWork
from shared.errors import Conflict, DomainError, Invalid

_ERASED = ("", IdentityErased.code, IdentityErased.title)
_EXTERNAL_IDS = "uq_customers_external_id"
_TAKEN = ("/external_id", "external_id_taken", "Another customer has this external id.")


async def write(uow: UnitOfWork, order: Order, drafts: Sequence[Draft]) -> Outcome:
    """Make and complete the customers of these rows; a dry run only finds out."""
    outcome = Outcome()
    groups = together(drafts)
    # Identities without a constraint stay unique among imports by this lock, whatever runs beside them.
    await matching.lock(uow.connection)
    if await erasures.any_suppressed(uow.connection):
        refused = await places_refused(uow.connection, [group.fields for group in groups])
        for place in refused:
            outcome.refuse(groups[place].drafts, *_ERASED)
        groups = [group for place, group in enumerate(groups) if place not in refused]
    await _write(uow, order, groups, outcome)
    return outcome


async def _write(uow: UnitOfWork, order: Order, groups: Sequence[Group], outcome: Outcome, *, was_outrun: bool = False) -> None:
    """Write groups; when the database refuses one of them, find out which by halves."""
    attempt = Outcome()
    try:
        async with uow.savepoint():
            await _attempt(uow, order, groups, attempt)
    except (Conflict, Invalid, IntegrityConstraintViolationError) as error:
        # Who took an external id meanwhile is found the next time.
        if _is_external_id(error) and not was_outrun:
            await _write(uow, order, groups, outcome, was_outrun=True)
        elif len(groups) == 1:
            outcome.refuse(groups[0].drafts, *_reason(error))
        else:
            for half in (groups[: len(groups) // 2], groups[len(groups) // 2 :]):
                await _write(uow, order, half, outcome, was_outrun=was_outrun)
    else:
        outcome.add(attempt)


def _reason(error: Conflict | Invalid | IntegrityConstraintViolationError) -> tuple[str, str, str]:
    if isinstance(error, DomainError):
        return error.pointer or "", error.code, error.detail or error.title
    if getattr(error, "constraint_name", None) == IdentityErased.code:
        return _ERASED
    if _is_external_id(error):
        return _TAKEN
    return "", "already_exists", "Something with an identity of this row exists already."


def _is_external_id(error: Exception) -> bool:
    return isinstance(error, UniqueViolationError) and getattr(error, "constraint_name", None) == _EXTERNAL_IDS


async def _attempt(uow: UnitOfWork, order: Order, groups: Sequence[Group], outcome: Outcome) -> None:
    _, rules = await identities.rules(uow.connection)
    known = await _known(uow, order, rules, groups)
    new: list[Party] = []
    present: list[Party] = []
    for group in groups:
        parties, refused = resolve(group, known, order.mode)
        for each in refused:
            outcome.refuse_row(each)
        for party in parties:
            refusal = refusal_of(party, known.met, order.mode)
            if refusal is not None:
                outcome.refuse(party.drafts, f"/{party.drafts[0].keys[0][0]}", *refusal)
            else:
                (new if party.record_id is None else present).append(party)
    await _create(uow, order, rules, new, known.met, outcome)
    await _update(uow, order, rules, present, known.met, outcome)


async def _known(uow: UnitOfWork, order: Order, rules: IdentityRules, groups: Sequence[Group]) -> Known:
    """Return what is known of the identities that rows hold."""
    keys = dict.fromkeys(key for group in groups for draft in group.drafts for key in draft.keys)
    kinds = {target: kind for target in order.match if (kind := _kind(target)) is not None}
    # They would all be one customer.
    worthless = {key: True for key in keys if key[0] in kinds and is_blocked(rules, kinds[key[0]], key[1])} if kinds else {}
    holders = await matching.match(uow.connection, [key for key in keys if key not in worthless])
    for key, roots in holders.items():
        if len(order.match) > 1 and key[0] in kinds and is_over_shared(rules, kinds[key[0]], len(roots)):
            worthless[key] = False
    if order.dry_run:
        return await _known_of_dry_run(uow, order, keys, holders, worthless)
    records = {record_id: root for roots in holders.values() for root, those in roots.items() for record_id in those}
    heard = await imports.have_heard(uow.connection, order.import_id, list(records))
    return Known(holders, {}, worthless, {records[record_id] for record_id in heard})


async def _known_of_dry_run(
    uow: UnitOfWork, order: Order, keys: Iterable[Key], holders: Mapping[Key, Holders], worthless: Mapping[Key, bool]
) -> Known:
    unknown = {number_of(key): key for key in keys if key not in holders and key not in worthless}
    found = await imports.met_keys(uow.connection, order.import_id, list(unknown))
    owners = {unknown[number]: owner for number, owner in found.items()}
    names = {number_of(name): name for name in {*owners.values(), *(root for roots in holders.values() for root in roots)}}
    met = await imports.met_keys(uow.connection, order.import_id, list(names))
    return Known(holders, owners, worthless, {names[number] for number in met})


def _kind(target: str) -> str | None:
    """Return the kind of an identity of which rules say what it is worth. External ids are the caller's own, and attributes unique."""
    if target in ("email", "phone"):
        return target
    identity = identity_of(target)
    return identity[0] if identity is not None and identity[0] != "external_id" else None


async def _meet(uow: UnitOfWork, order: Order, parties: Sequence[Party]) -> None:
    """Remember of whom a dry run would have told something, and what they are recognised by from then on."""
    if order.dry_run:
        owners: dict[int, str] = {}
        for party in parties:
            owner = kept_name(party.name)
            owners[number_of(owner)] = owner
            owners.update((number_of(key), owner) for draft in party.drafts for key in draft.keys)
        await imports.meet_keys(uow.connection, order.import_id, owners)


async def _create(
    uow: UnitOfWork, order: Order, rules: IdentityRules, parties: Sequence[Party], met: Collection[str], outcome: Outcome
) -> None:
    """Make the customers whom nobody knows."""
    free = await _free(uow, order, rules, parties, outcome)
    if not order.dry_run:
        await storing.create(uow, [prepared for _, prepared in free], order.columns, order.provenance)
        later = {prepared.customer_id: told for party, prepared in free if (told := party.told_later()) is not None}
        if later:
            await storing.update(uow, later, order.provenance, dry_run=False)
        seen = {prepared.customer_id: _seen([party]) for party, prepared in free} if order.notes else {}
        await noting.note(uow.connection, seen, order.provenance)
    await _meet(uow, order, [party for party, _ in free])
    for party, prepared in free:
        first, *rest = party.drafts
        customer_id = None if order.dry_run else prepared.customer_id
        outcome.count("merged" if party.name in met else "created", first.row, customer_id, first.names, party.led[0])
        for draft, each in zip(rest, party.led[1:], strict=True):
            outcome.count("merged", draft.row, customer_id, draft.names, each)


async def _free(
    uow: UnitOfWork, order: Order, rules: IdentityRules, parties: Sequence[Party], outcome: Outcome
) -> list[tuple[Party, Prepared]]:
    """Return the new customers who have all that they must, and nothing that belongs to others."""
    # Whoever is matched by his external id and unknown, has one that is free.
    wanted = [None if "external_id" in order.match else party.fields.get("external_id") for party in parties]
    taken = await matching.taken_external_ids(uow.connection, wanted)
    now = await database_now(uow.connection)
    free: list[tuple[Party, Prepared]] = []
    for party, external_id in zip(parties, wanted, strict=True):
        attributes = (party.fields.get("attributes") or {}) if order.required else {}
        missing = next((name for name in order.required if attributes.get(name) is None), None)
        if missing is not None:
            detail = "A new customer must have this attribute."
            outcome.refuse(party.drafts, f"/attributes/{missing}", "attribute_required", detail)
        elif external_id is not None and external_id in taken:
            outcome.refuse(party.drafts, *_TAKEN)
        elif not order.notes or not _refuse_exceeding(noting.first_news(rules, _seen([party]), now), [party], outcome):
            taken |= {external_id} - {None}
            free.append((party, party.prepared(order.columns)))
    return free


async def _update(
    uow: UnitOfWork, order: Order, rules: IdentityRules, parties: Sequence[Party], met: Collection[str], outcome: Outcome
) -> None:
    """Complete the customers who are known."""
    if not parties:
        return
    rows = await _those_of_records(uow, parties, outcome)
    seen = {record_id: _seen(found) for record_id, found in rows.items()} if order.notes else {}
    news = await noting.news(uow.connection, rules, seen, await database_now(uow.connection))
    for record_id, each in news.items():
        if _refuse_exceeding(each, rows[record_id], outcome):
            del rows[record_id], seen[record_id]
    told = {record_id: told_by(found) for record_id, found in rows.items()}
    heard = await storing.update(uow, told, order.provenance, dry_run=order.dry_run)
    if not order.dry_run:
        # Who was erased meanwhile has heard nothing.
        seen = {record_id: each for record_id, each in seen.items() if record_id in heard}
        await noting.note(uow.connection, seen, order.provenance, {record_id for record_id, each in heard.items() if each.is_news})
    changed = {record_id: [*each.changed, *(news[record_id].targets if record_id in news else ())] for record_id, each in heard.items()}
    told_of = {record_id for record_id, each in heard.items() if each.is_news or changed[record_id]}
    await _meet(uow, order, [party for record_id, found in rows.items() if record_id in told_of for party in found])
    for record_id, found in rows.items():
        names = changed.get(record_id, [])
        (first, led), *rest = [each for party in found for each in zip(party.drafts, party.led, strict=True)]
        became = "merged" if found[0].name in met else "updated" if names else "unchanged"
        outcome.count(became, first.row, record_id, names.copy, led)
        later = "merged" if became != "unchanged" else became
        for draft, each in rest:
            outcome.count(later, draft.row, record_id, draft.names if names else names.copy, each)


async def _those_of_records(uow: UnitOfWork, parties: Sequence[Party], outcome: Outcome) -> dict[str, list[Party]]:
    """Return parties by the records that they speak of; refuse those who would take the external id of another."""
    owners = await matching.owners_of_external_ids(uow.connection, [party.fields.get("external_id") for party in parties])
    rows: dict[str, list[Party]] = {}
    for party in parties:
        record_id = party.record_id
        assert record_id is not None
        if (named := party.fields.get("external_id")) is not None and owners.setdefault(named, record_id) != record_id:
            outcome.refuse(party.drafts, *_TAKEN)
        else:
            # Two identities can lead to one record.
            rows.setdefault(record_id, []).append(party)
    return rows


def _seen(parties: Sequence[Party]) -> Seen:
    """Return the further identities that rows of one customer tell, and when they were seen."""
    return {
        identity: (target, draft.observed_at)
        for party in parties
        for draft in party.drafts
        for target, identity in draft.identities.items()
    }


def _refuse_exceeding(news: News, parties: Sequence[Party], outcome: Outcome) -> bool:
    """Refuse the rows of a customer who would be given more identities of a kind than the rules let him have."""
    if news.exceeding is None:
        return False
    for party in parties:
        outcome.refuse(party.drafts, f"/{news.exceeding}", IdentityLimitReached.code, IdentityLimitReached.title)
    return True
