"""Every query on the audit log."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from asyncpg import Record

from customers.audit.rules import START, Head, Logged, Stored
from shared.database.pool import Connection
from shared.database.rows import transposed

# Entries whose transaction may still have been under way when later ones were chained.
_LATE_MINUTES = 15
# Any fixed number: one chain is made by one process at a time.
_CHAIN_LOCK = 7_205_304

_RECORD = """
INSERT INTO audit_entries (actor, action, customer_id, subject_id, fields)
SELECT actor, action, customer_id, subject_id, ARRAY(SELECT jsonb_array_elements_text(fields::jsonb))
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS t (actor, action, customer_id, subject_id, fields)
"""
_LOCK = f"SELECT pg_advisory_xact_lock({_CHAIN_LOCK})"
_HEAD = "SELECT link, hash FROM audit_chain ORDER BY link DESC LIMIT 1"
_HEAD_AT = "SELECT link, hash FROM audit_chain WHERE link = $1"
_ENTRY = "e.id, e.recorded_at, e.actor, e.action, e.customer_id, e.subject_id, e.fields"
_FLOOR = f"""
SELECT entry_id FROM audit_chain WHERE chained_at < now() - interval '{_LATE_MINUTES} minutes' ORDER BY chained_at DESC, link DESC LIMIT 1
"""  # noqa: S608
_UNCHAINED = f"""
SELECT {_ENTRY} FROM audit_entries AS e
WHERE e.id > $1 AND NOT EXISTS (SELECT FROM audit_chain AS c WHERE c.entry_id = e.id) ORDER BY e.id LIMIT $2
"""  # noqa: S608
_CHAIN = "INSERT INTO audit_chain (link, entry_id, hash) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])"
_LINKS = f"""
SELECT c.link, c.hash, c.entry_id, {_ENTRY} FROM audit_chain AS c LEFT JOIN audit_entries AS e ON e.id = c.entry_id
WHERE c.link > $1 ORDER BY c.link LIMIT $2
"""  # noqa: S608
_FILTERS = {"customer_id": "e.customer_id = ${n}", "actor": "e.actor = ${n}", "action": "e.action = ${n}"}
_OF = f"SELECT {_ENTRY} FROM audit_entries AS e WHERE e.customer_id = ANY($1::text[]) ORDER BY e.id"  # noqa: S608


class Entry(NamedTuple):
    """Who did what; names of fields, never their values.

    Attributes:
        actor: `Caller.principal`, or what else acted.
        action: such as contact_read or customer_erased.
        customer_id: the record that it touches.
        subject_id: what else it is about, such as an export.
        fields: names of the fields that were read or changed.
    """

    actor: str
    action: str
    customer_id: str | None = None
    subject_id: str | None = None
    fields: Sequence[str] = ()


async def record(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write entries in one round trip."""
    if entries:
        columns = transposed(entries)
        await connection.execute(_RECORD, *columns[:4], [orjson.dumps(list(fields)).decode() for fields in columns[4]])


async def lock_chain(connection: Connection) -> Head:
    """Return the end of the chain, which nobody else goes on from until the transaction ends."""
    await connection.execute(_LOCK)
    row = await connection.fetchrow(_HEAD)
    return Head(*row) if row else Head(0, START)


async def head_at(connection: Connection, link: int) -> Head | None:
    """Return a link of the chain; the beginning for 0."""
    if link == 0:
        return Head(0, START)
    row = await connection.fetchrow(_HEAD_AT, link)
    return row and Head(*row)


async def unchained(connection: Connection, limit: int, *, everywhere: bool = False) -> list[Logged]:
    """Return entries that have no link yet, oldest first.

    Args:
        connection: inside a transaction.
        limit: at most so many.
        everywhere: look at all entries, and not only where one can have come late.
    """
    floor = 0 if everywhere else await connection.fetchval(_FLOOR) or 0
    return [Logged(*row) for row in await connection.fetch(_UNCHAINED, floor, limit)]


async def chain(connection: Connection, links: Sequence[Stored]) -> None:
    """Append links."""
    columns = ([link.link for link in links], [link.entry_id for link in links], [link.hash for link in links])
    await connection.execute(_CHAIN, *columns)


async def links(connection: Connection, after: int, limit: int) -> list[Stored]:
    """Return links with their entries, in order."""
    return [_stored(row) for row in await connection.fetch(_LINKS, after, limit)]


async def page(connection: Connection, filters: dict[str, str], before: int | None, limit: int) -> list[Record]:
    """Return entries, newest first, with the link that each has in the chain."""
    names = tuple(sorted(filters))
    parameters: list[Any] = [filters[name] for name in names]
    if before is not None:
        parameters.append(before)
    return await connection.fetch(_page_statement(names, before is not None), *parameters, limit)


async def of(connection: Connection, ids: Sequence[str]) -> list[Record]:
    """Return the entries on records, oldest first."""
    return await connection.fetch(_OF, ids)


@lru_cache(maxsize=16)
def _page_statement(names: tuple[str, ...], continued: bool) -> str:  # noqa: FBT001
    conditions = [_FILTERS[name].format(n=number) for number, name in enumerate(names, 1)]
    if continued:
        conditions.append(f"e.id < ${len(names) + 1}")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    last = len(conditions) + 1
    return (
        f"SELECT {_ENTRY}, c.link, c.hash FROM audit_entries AS e LEFT JOIN audit_chain AS c ON c.entry_id = e.id "  # noqa: S608
        f"{where} ORDER BY e.id DESC LIMIT ${last}"
    )


def _stored(row: Record) -> Stored:
    entry = Logged(*tuple(row)[3:]) if row["id"] is not None else None
    return Stored(row["link"], row["hash"], row["entry_id"], entry)
