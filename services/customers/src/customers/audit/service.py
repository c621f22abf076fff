"""Who read and who changed what. The log is written with the change, its chain of hashes shortly after, in batches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from customers.audit import repository
from customers.audit.repository import Entry
from customers.audit.rules import START, Break, Fault, Head, chained, first_fault
from shared.database.pool import Connection

__all__ = ["Entry", "chain", "collect", "erase", "record", "verify"]

_BATCH = 5_000
# A verification that comes to this many links answers how far it came, and is asked again from there.
MAX_VERIFIED = 500_000


class Verification(NamedTuple):
    """What a verification found.

    Attributes:
        head: the last link that holds.
        fault: where the chain breaks first.
        complete: whether the end of the chain was reached.
    """

    head: Head
    fault: Fault | None
    complete: bool


async def record(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write down who did what, in the caller's transaction and in one round trip."""
    await repository.record(connection, entries)


async def chain(connection: Connection, *, everywhere: bool = False) -> int:
    """Give every entry that has none its link; return how many.

    Args:
        connection: inside a transaction.
        everywhere: look at all entries, and not only where one can have come late.
    """
    head = await repository.lock_chain(connection)
    made = 0
    while entries := await repository.unchained(connection, _BATCH, everywhere=everywhere):
        links = chained(head, entries)
        await repository.chain(connection, links)
        head, made = Head(links[-1].link, links[-1].hash), made + len(links)
        if len(entries) < _BATCH:
            break
    return made


async def verify(connection: Connection, after: Head | None = None) -> Verification:
    """Recompute the chain, once everything has its link, and return where it breaks first.

    Args:
        connection: inside a transaction.
        after: a link that was verified before; the beginning when None. Its hash is compared with the one that is kept.
    """
    await chain(connection, everywhere=True)
    head = after or Head(0, START)
    kept = await repository.head_at(connection, head.link)
    if kept is None or kept.hash != head.hash:
        reason: Break = "link_missing" if kept is None else "entry_changed"
        return Verification(head, Fault(head.link, None, reason), complete=False)
    begin = head.link
    while head.link - begin < MAX_VERIFIED:
        links = await repository.links(connection, head.link, _BATCH)
        head, fault = first_fault(head, links)
        if fault is not None or len(links) < _BATCH:
            return Verification(head, fault, complete=fault is None)
    return Verification(head, None, complete=False)


async def erase(_connection: Connection, _ids: list[str]) -> dict[str, int]:
    """Erase nothing: the log holds ids and names of fields only, and what it tells is needed as a proof (GDPR article 17(3)(e))."""
    return {}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return who read and changed what of records."""
    return {"audit_log": [dict(row) for row in await repository.of(connection, ids)]}
