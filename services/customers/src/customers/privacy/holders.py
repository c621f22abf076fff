"""Every slice that keeps something of customers: what erases it, and what collects it for them to see.

The order of erasing is that of the list: what refers to others goes before them, the profiles go last.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from customers.attributes import service as attributes
from customers.audit import service as audit
from customers.birthdays import service as birthdays
from customers.consents import service as consents
from customers.contacts import service as contacts
from customers.duplicates import service as duplicates
from customers.exports import service as exports
from customers.holdings import service as holdings
from customers.identities import service as identities
from customers.imports import service as imports
from customers.interactions import service as interactions
from customers.materials import service as materials
from customers.notes import service as notes
from customers.orders import service as orders
from customers.privacy import remains
from customers.privacy.restrictions import service as restrictions
from customers.segments import service as segments
from customers.stages import service as stages
from customers.timeline import service as timeline
from shared.database.pool import Connection

Records = dict[str, list[Mapping[str, Any]]]


class Holder(NamedTuple):
    """A slice that keeps something of customers.

    Attributes:
        erase: deletes or blanks it; returns how many rows, by kind.
        collect: returns it, by kind.
    """

    erase: Callable[[Connection, list[str]], Awaitable[Mapping[str, int]]]
    collect: Callable[[Connection, list[str]], Awaitable[Mapping[str, Sequence[Mapping[str, Any]]]]]


HOLDERS: tuple[Holder, ...] = (
    Holder(consents.erase, consents.collect),
    Holder(restrictions.erase, restrictions.collect),
    Holder(timeline.erase, timeline.collect),
    Holder(interactions.erase, interactions.collect),
    Holder(notes.erase, notes.collect),
    Holder(contacts.erase, contacts.collect),
    Holder(materials.erase, materials.collect),
    Holder(stages.erase, stages.collect),
    Holder(segments.erase, segments.collect),
    Holder(holdings.erase, holdings.collect),
    Holder(birthdays.erase, birthdays.collect),
    Holder(duplicates.erase, duplicates.collect),
    Holder(imports.erase, imports.collect),
    Holder(exports.erase, exports.collect),
    Holder(orders.erase, orders.collect),
    Holder(identities.erase, identities.collect),
    Holder(attributes.erase, attributes.collect),
    Holder(audit.erase, audit.collect),
    Holder(remains.erase, remains.collect),
)


async def erase_everywhere(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Erase all that the service keeps of records; return how many rows, by kind, leaving out kinds of which there were none."""
    erased: dict[str, int] = {}
    for holder in HOLDERS:
        for kind, rows in (await holder.erase(connection, ids)).items():
            erased[kind] = erased.get(kind, 0) + rows
    return {kind: rows for kind, rows in erased.items() if rows}


async def collect_everywhere(connection: Connection, ids: list[str]) -> Records:
    """Return all that the service keeps of records, by kind."""
    collected: Records = {}
    for holder in HOLDERS:
        for kind, rows in (await holder.collect(connection, ids)).items():
            collected.setdefault(kind, []).extend(rows)
    return collected
