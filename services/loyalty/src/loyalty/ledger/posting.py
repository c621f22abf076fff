"""Every statement that posts grants, draws and restorations: one round trip a batch, whatever the batch holds."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

import asyncpg

from loyalty.ledger.rules import Draw, Grant, Restoration
from shared.database.pool import Connection
from shared.database.rows import transposed
from shared.ids import new_id

_GRANT = "SELECT * FROM grant_points($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
_DRAW = "SELECT * FROM draw_points($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
_RESTORE = "SELECT * FROM restore_points($1, $2, $3, $4, $5, $6)"
_EXPIRE = "SELECT entry_id, customer_id, wallet, points, occurred_at, sequence FROM book_expiries($1, $2)"
_REVIVE = "SELECT * FROM revive_told($1, $2)"
_PROGRAMMES = """
SELECT made.id, (SELECT programme_id FROM entries JOIN accounts ON accounts.id = account_id WHERE entries.id = made.id) AS programme_id
FROM unnest($1::text[]) AS made (id)
"""
_NOTE = """
INSERT INTO entry_notes (entry_id, reason, reference, actor) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
"""
# As asyncpg writes Postgres' own infinities.
_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Line(NamedTuple):
    """An entry that was made, or was known already; `points` are the change of the wallet, `sequence` numbers its event."""

    kind: str
    entry_id: str
    customer_id: str
    wallet: str
    points: int
    order_id: str | None
    source_id: str
    rule_version: str | None
    occurred_at: datetime
    sequence: int


class Outcome(NamedTuple):
    """What became of one item of a batch.

    Attributes:
        status: posted; known (posted before: nothing changed); insufficient; exceeds (more than is left to restore); unknown (no such
            member); closed (his membership ended).
        lines: its entries: one a wallet, so several where a family or a household spent together.
        spendable: what could have been spent or restored, when it was not enough.
    """

    status: str
    lines: Sequence[Line] = ()
    spendable: int | None = None


class Answer(NamedTuple):
    """What became of a batch: of each item, in their order, and the entries that take back expiries because activity had put them off."""

    outcomes: list[Outcome]
    revived: list[Line]


class Note(NamedTuple):
    """What people wrote to an entry; erased with its member."""

    entry_id: str
    reason: str | None
    reference: str | None
    actor: str | None


async def grant(connection: Connection, programme_id: str, grants: Sequence[Grant], at: datetime | None = None) -> Answer:
    """Post grants and return what became of each, in their order; `at` is the moment of posting, the database's clock when None."""
    rows = await connection.fetch(
        _GRANT,
        programme_id,
        [g.kind for g in grants],
        [g.customer_id for g in grants],
        [g.wallet for g in grants],
        [g.points for g in grants],
        [g.occurred_at for g in grants],
        [g.available_from or _ALWAYS for g in grants],
        [g.expires_at for g in grants],
        [g.source_id for g in grants],
        [g.order_id for g in grants],
        [g.counter for g in grants],
        [g.rule_version for g in grants],
        [g.explanation for g in grants],
        [new_id("ent") for _ in grants],
        at,
    )
    return _answer(rows, len(grants))


async def draw(connection: Connection, programme_id: str, draws: Sequence[Draw], at: datetime | None = None) -> Answer:
    """Post draws, one after the other, and return what became of each; `at` is the moment of posting."""
    rows = await connection.fetch(
        _DRAW,
        programme_id,
        [d.kind for d in draws],
        [d.customer_id for d in draws],
        [d.wallet for d in draws],
        [d.points for d in draws],
        [d.occurred_at for d in draws],
        [d.source_id for d in draws],
        [d.order_id for d in draws],
        [d.counter for d in draws],
        [d.rule_version for d in draws],
        [d.explanation for d in draws],
        at,
    )
    return _answer(rows, len(draws))


async def restore(connection: Connection, programme_id: str, restorations: Sequence[Restoration], at: datetime | None = None) -> Answer:
    """Post restorations and return what became of each; `at` is the moment of posting."""
    rows = await connection.fetch(
        _RESTORE,
        programme_id,
        [r.drawn_source_id for r in restorations],
        [r.points for r in restorations],
        [r.occurred_at for r in restorations],
        [r.source_id for r in restorations],
        at,
    )
    return _answer(rows, len(restorations))


async def revive(connection: Connection, active: Sequence[tuple[str, datetime]]) -> list[Line]:
    """Take back expiries of members, and of whom they share with, that activity since moments has put off; return the entries."""
    rows = await connection.fetch(_REVIVE, [customer_id for customer_id, _ in active], [moment for _, moment in active])
    return [_line(row) for row in rows]


async def book_expiries(connection: Connection, many: int, at: datetime | None = None) -> list[Line]:
    """Book up to so many lots that have expired until a moment and return the entries; `at` is the moment of posting."""
    return [
        Line("expiry", r["entry_id"], r["customer_id"], r["wallet"], r["points"], None, "", None, r["occurred_at"], r["sequence"])
        for r in await connection.fetch(_EXPIRE, many, at)
    ]


async def programmes_of(connection: Connection, entry_ids: Sequence[str]) -> dict[str, str]:
    """Return the programme of each of these entries."""
    return {row["id"]: row["programme_id"] for row in await connection.fetch(_PROGRAMMES, entry_ids)}


async def note(connection: Connection, notes: Sequence[Note]) -> None:
    """Keep what people wrote to entries."""
    await connection.execute(_NOTE, *transposed(notes))


def _answer(rows: Iterable[asyncpg.Record], count: int) -> Answer:
    answer = Answer([Outcome("unknown")] * count, [])
    for item, group in groupby(rows, key=lambda row: row["item"]):
        told = list(group)
        lines = [_line(row) for row in told if row["entry_id"] is not None]
        if item == 0:
            answer.revived.extend(lines)
        else:
            answer.outcomes[item - 1] = Outcome(told[0]["status"], lines, None if lines else told[0]["points"])
    return answer


def _line(row: asyncpg.Record) -> Line:
    return Line(*(row[name] for name in Line._fields))
