"""What can be done with segments."""

from collections.abc import Mapping, Sequence
from typing import Any

from asyncpg import Record

from customers.links.repository import families, family
from customers.profiles import repository as profiles
from customers.profiles.errors import CustomerNotFound
from customers.segments import repository
from customers.segments.errors import SegmentCodeTaken, SegmentMemberNotFound, SegmentNotFound
from customers.segments.repository import Changed
from customers.segments.schemas import MEMBER, MemberDraft
from customers.timeline import service as timeline
from customers.timeline.service import Touch
from shared.contracts.customers import SegmentMembershipChanged
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.http.batches import ItemResult, created, existed, read_items, refused
from shared.http.etags import check_version


async def make(uow: UnitOfWork, code: str, names: Mapping[Any, str]) -> Record:
    """Make a segment to which nobody belongs yet.

    Raises:
        SegmentCodeTaken: there is one with this code.
    """
    segment = await repository.insert(uow.connection, code, names)
    if segment is None:
        raise SegmentCodeTaken(pointer="/code")
    return segment


async def rename(uow: UnitOfWork, code: str, names: Mapping[Any, str] | None, match: int) -> Record:
    """Name a segment otherwise; with no names it stays as it is.

    Raises:
        SegmentNotFound: there is none.
        PreconditionFailed: it was changed since.
    """
    segment = await repository.lock(uow.connection, code)
    if segment is None:
        raise SegmentNotFound
    check_version(match, segment["version"])
    if names is None or names == segment["names"]:
        return segment
    return await repository.rename(uow.connection, code, names)


async def found(connection: Connection, code: str) -> Record:
    """Return a segment.

    Raises:
        SegmentNotFound: there is none.
    """
    segment = await repository.get(connection, code)
    if segment is None:
        raise SegmentNotFound
    return segment


async def members(connection: Connection, code: str, after: str, limit: int) -> list[Record]:
    """Return the records that belong to a segment.

    Raises:
        SegmentNotFound: there is no such segment.
    """
    await found(connection, code)
    return await repository.members(connection, code, after, limit)


async def of_customer(connection: Connection, customer_id: str, after: str, limit: int) -> list[Record]:
    """Return the segments that a customer belongs to, by any of his records.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    return await repository.of_family(connection, (await family(connection, customer_id)).ids, after, limit)


async def enter(uow: UnitOfWork, code: str, items: Sequence[Any]) -> list[ItemResult]:
    """Let customers belong to a segment, on the records that are named; return a result for each, in order.

    Raises:
        SegmentNotFound: there is no such segment.
    """
    await found(uow.connection, code)
    asked = await _named(uow.connection, items)
    named = sorted({item for item in asked if isinstance(item, str)})
    present = await repository.present(uow.connection, named)
    changed = await repository.enter(uow.connection, code, [each for each in named if each in present])
    await _tell(uow, changed)
    entered = {each.customer_id for each in changed}
    return [_result(item, present, entered) if isinstance(item, str) else item for item in asked]


async def leave(uow: UnitOfWork, code: str, items: Sequence[Any]) -> list[ItemResult]:
    """Let customers belong to a segment no more, with all their records; return a result for each, in order.

    Raises:
        SegmentNotFound: there is no such segment.
    """
    await found(uow.connection, code)
    asked = await _named(uow.connection, items)
    known = await families(uow.connection, [item for item in asked if isinstance(item, str)])
    left = await _leave(uow, code, sorted({record for each in known.values() for record in each.ids}))
    results = []
    for item in asked:
        if not isinstance(item, str):
            results.append(item)
        elif item not in known:
            results.append(refused(CustomerNotFound()))
        elif left.isdisjoint(known[item].ids):
            results.append(refused(SegmentMemberNotFound()))
        else:
            results.append(existed(item))
    return results


async def remove(uow: UnitOfWork, code: str, customer_id: str) -> None:
    """Let one customer belong to a segment no more, with all his records.

    Raises:
        SegmentNotFound: there is no such segment.
        CustomerNotFound: there is no such customer.
        SegmentMemberNotFound: he does not belong to it.
    """
    await found(uow.connection, code)
    if not await _leave(uow, code, (await family(uow.connection, customer_id)).ids):
        raise SegmentMemberNotFound


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Delete which segments records belonged to; return how many rows by table."""
    return {"segment_memberships": await repository.erase(connection, ids)}


async def collect(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return which segments records belong to, or belonged to last, by table."""
    return {"segment_memberships": await repository.collect(connection, ids)}


async def _leave(uow: UnitOfWork, code: str, ids: Sequence[str]) -> set[str]:
    changed = await repository.leave(uow.connection, code, ids)
    await _tell(uow, changed)
    return {each.customer_id for each in changed}


async def _tell(uow: UnitOfWork, changed: Sequence[Changed]) -> None:
    if changed:
        await timeline.record(uow.connection, [_touch(each) for each in changed])
    for each in changed:
        event = SegmentMembershipChanged(
            membership_id=each.id,
            customer_id=each.customer_id,
            segment=each.segment,
            is_member=each.is_member,
            entered_at=each.entered_at,
            changed_at=each.changed_at,
        )
        uow.publish(event, sequence=each.version)


def _touch(each: Changed) -> Touch:
    kind = "segment_entered" if each.is_member else "segment_left"
    return Touch(each.customer_id, kind, f"{each.id}:{each.version}", each.changed_at, summary={"segment": each.segment})


async def _named(connection: Connection, items: Sequence[Any]) -> list[str | ItemResult]:
    """Return at each place whom the item names, or the result that refuses it."""
    asked = read_items(MEMBER, items)
    external = {item.external_id for item in asked if isinstance(item, MemberDraft) and item.external_id is not None}
    ids = await profiles.ids_by_external_ids(connection, sorted(external)) if external else {}
    return [
        item if isinstance(item, ItemResult) else item.customer_id or ids.get(item.external_id or "") or refused(CustomerNotFound())
        for item in asked
    ]


def _result(customer_id: str, present: set[str], entered: set[str]) -> ItemResult:
    if customer_id not in present:
        return refused(CustomerNotFound())
    # Named twice it enters once, and both say so.
    return created(customer_id) if customer_id in entered else existed(customer_id)
