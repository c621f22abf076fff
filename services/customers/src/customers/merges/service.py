"""Merging customers, which is a link, and undoing it, which takes the link away."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from customers.audit.service import Entry
from customers.audit.service import record as audit
from customers.consents import service as consents
from customers.consents.rules import Link as ConsentLink
from customers.consents.rules import effective
from customers.links.repository import families
from customers.merges import repository
from customers.merges.errors import AlreadyOne, FamilyTooLarge, MergeNotFound, MergeUndone, PreviewOutdated
from customers.merges.repository import State, StoredMerge
from customers.merges.rules import MAX_FAMILY, ConsentOutcome, FieldOutcome, outcomes, token_of
from customers.profiles import golden, records
from customers.profiles import repository as profiles
from customers.profiles.errors import CustomerNotFound
from customers.profiles.repository import Stored
from customers.provenance import repository as provenance
from customers.timeline.service import Touch
from customers.timeline.service import record as record_touches
from shared.contracts.customers import CustomerMerged, CustomerUnmerged
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork


class Preview(NamedTuple):
    """What a merge would do.

    Attributes:
        survivor: the root that stays.
        merged: the root that would belong to him.
        record_ids: records of the merged one, who come along.
        moves: rows by table that will be read for the survivor.
        fields: what becomes of the merged one's values.
        consents: what becomes of answers that differ.
        token: fails the merge when any of this has changed.
    """

    survivor: Stored
    merged: Stored
    record_ids: list[str]
    moves: Mapping[str, int]
    fields: list[FieldOutcome]
    consents: list[ConsentOutcome]
    token: str


async def preview(connection: Connection, survivor_id: str, merged_id: str) -> Preview:
    """Return what a merge would do, without doing it.

    Raises:
        CustomerNotFound: there is no such customer.
        AlreadyOne: both ids stand for one.
        FamilyTooLarge: they would be too many records.
    """
    found = await families(connection, [survivor_id, merged_id])
    for pointer, customer_id in (("/survivor_id", survivor_id), ("/merged_id", merged_id)):
        if customer_id not in found:
            raise CustomerNotFound(pointer=pointer)
    stays, goes = found[survivor_id], found[merged_id]
    _check_two(stays.root_id, goes.root_id, len(stays.ids) + len(goes.ids))
    survivor, merged = await profiles.get(connection, stays.root_id), await profiles.get(connection, goes.root_id)
    if survivor is None or merged is None:
        raise CustomerNotFound
    folded = await golden.folded(connection, [survivor.id, merged.id])
    rules = await provenance.current_rules(connection)
    consent_conflicts = await _consents(connection, survivor.id, merged.id)
    fields = outcomes(folded.of(survivor.id), folded.of(merged.id), rules.rules)
    moves = await repository.counts(connection, goes.ids)
    content = {
        "records": [stays.ids, goes.ids],
        "versions": [survivor.version, merged.version, rules.version],
        "fields": [list(each) for each in fields],
        "consents": [list(each) for each in consent_conflicts],
        "moves": [moves, await repository.counts(connection, stays.ids)],
    }
    return Preview(survivor, merged, goes.ids, moves, fields, consent_conflicts, token_of(content))


async def _consents(connection: Connection, survivor_id: str, merged_id: str) -> list[ConsentOutcome]:
    """Return what becomes of the answers of two customers where they differ: the most restrictive counts."""
    sides = [await consents.answers(connection, each) for each in (survivor_id, merged_id)]
    links = [*sides[0][0].links, *sides[1][0].links, ConsentLink(merged_id, survivor_id, 2**62)]
    survivors, others = ({(each.purpose, each.channel): each for each in answers} for _, answers in sides)
    found: list[ConsentOutcome] = []
    for purpose, channel in sorted(survivors.keys() | others.keys()):
        one, other = survivors.get((purpose, channel)), others.get((purpose, channel))
        if one is None or other is None or one.state != other.state:
            counting = effective([each.held() for each in (one, other) if each is not None], links)
            assert counting is not None
            found.append(ConsentOutcome(purpose, channel, one and one.state, other and other.state, counting.state))
    return found


def _check_two(survivor_id: str, merged_id: str, size: int) -> None:
    if survivor_id == merged_id:
        raise AlreadyOne(id=survivor_id)
    if size > MAX_FAMILY:
        raise FamilyTooLarge


async def merge(
    uow: UnitOfWork, survivor_id: str, merged_id: str, *, token: str | None, reason: str | None, actor: str
) -> tuple[StoredMerge, Stored]:
    """Let one customer belong to another, in the direction that the caller chose; return the merge and the customer.

    Raises:
        CustomerNotFound: there is no such customer.
        AlreadyOne: both ids stand for one.
        PreviewOutdated: the token is of a preview that holds no more.
        FamilyTooLarge: they would be too many records.
    """
    locked = await records.lock_families(uow.connection, [survivor_id, merged_id])
    for pointer, customer_id in (("/survivor_id", survivor_id), ("/merged_id", merged_id)):
        if customer_id not in locked:
            raise CustomerNotFound(pointer=pointer)
    survivor, merged = locked[survivor_id], locked[merged_id]
    _check_two(survivor.root.id, merged.root.id, survivor.family_size + merged.family_size)
    if token is not None and (await preview(uow.connection, survivor_id, merged_id)).token != token:
        raise PreviewOutdated(pointer="/token")
    made, sequence = await repository.link(uow.connection, survivor.root.id, merged.root.id, survivor.rules_version, reason, actor)
    [root] = await golden.refresh(uow, [survivor.root])
    await audit(uow.connection, [Entry(actor, "customers_merged", each, made.id) for each in (made.survivor_id, made.merged_id)])
    await record_touches(uow.connection, [_touch(made, made.survivor_id, "merge", made.merged_at)])
    event = CustomerMerged(merge_id=made.id, survivor_id=made.survivor_id, merged_id=made.merged_id, merged_at=made.merged_at)
    uow.publish(event, sequence=sequence)
    return made, root


def _touch(merge: StoredMerge, customer_id: str, kind: str, at: datetime) -> Touch:
    return Touch(customer_id, kind, merge.id, at, summary={"survivor_id": merge.survivor_id, "merged_id": merge.merged_id})


async def undo(uow: UnitOfWork, merge_id: str, *, actor: str) -> StoredMerge:
    """Take a link away: both customers are what they would be without it, with all that was told of either since.

    Raises:
        MergeNotFound: there is none.
        MergeUndone: it was undone before.
        CustomerNotFound: he was erased.
    """
    present = await found(uow.connection, merge_id)
    locked = await records.lock_families(uow.connection, [present.merged_id])
    # Again, under the lock of the family, which whoever undoes it takes first.
    present = await repository.lock(uow.connection, merge_id) or present
    if present.undone_at is not None:
        raise MergeUndone
    if present.merged_id not in locked:
        raise CustomerNotFound
    root = locked[present.merged_id].root
    own = await profiles.get_record(uow.connection, present.merged_id)
    undone = await repository.mark_undone(uow.connection, present, actor)
    await golden.refresh(uow, [root, own])
    sequence = await repository.unlink(uow.connection, present.merged_id, root.id)
    await audit(uow.connection, [Entry(actor, "merge_undone", each, merge_id) for each in (root.id, undone.merged_id)])
    assert undone.undone_at is not None
    own_again = [
        _touch(undone, undone.survivor_id, "unmerge", undone.undone_at),
        _touch(undone, undone.merged_id, "unmerged", undone.undone_at),
    ]
    await record_touches(uow.connection, own_again)
    event = CustomerUnmerged(merge_id=undone.id, survivor_id=undone.survivor_id, merged_id=undone.merged_id, unmerged_at=undone.undone_at)
    uow.publish(event, sequence=sequence)
    return undone


async def found(connection: Connection, merge_id: str) -> StoredMerge:
    """Return a merge.

    Raises:
        MergeNotFound: there is none.
    """
    merge = await repository.get(connection, merge_id)
    if merge is None:
        raise MergeNotFound
    return merge


async def listed(
    connection: Connection, customer_id: str | None, state: State | None, after: tuple[Any, ...] | None, limit: int
) -> list[StoredMerge]:
    """Return merges, newest first; of one customer, those of all records that stand for him now."""
    ids: list[str] | None = None
    if customer_id is not None:
        known = await families(connection, [customer_id])
        if customer_id not in known:
            return []
        ids = known[customer_id].ids
    return await repository.page(connection, ids, state, after, limit)
