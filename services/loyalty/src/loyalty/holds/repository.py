"""Every query of holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from loyalty.ledger.posting import Line
from shared.database.pool import Connection
from shared.database.rows import transposed

_PLACE = (
    "SELECT status, hold_id, spendable, created_at, expires_at, sequence FROM place_holds($1, $2, $3, $4, $5, $6, $7, $8) ORDER BY item"
)
_CLOSE = "SELECT * FROM close_hold($1, $2, $3, $4)"
_TIMED_OUT = """
SELECT noted.*, (SELECT programme_id FROM holds WHERE holds.id = noted.hold_id) AS programme_id FROM note_timed_out_holds($1, $2) AS noted
"""
# What has timed out is so from its instant on, whether it was noted or not.
_FIND = """
SELECT id, programme_id, customer_id, wallet, points, captured, reference, created_at, expires_at,
       CASE WHEN state = 'open' AND expires_at <= coalesce($2, clock_timestamp()) THEN 'timed_out' ELSE state END AS state,
       CASE WHEN state = 'open' AND expires_at <= coalesce($2, clock_timestamp()) THEN expires_at ELSE closed_at END AS closed_at
FROM holds WHERE id = $1
"""


class HoldDraft(NamedTuple):
    """A hold that is wanted."""

    hold_id: str
    customer_id: str
    wallet: str
    points: int
    seconds: int
    reference: str | None


class Placed(NamedTuple):
    """What became of it: held, insufficient, unknown or closed; `spendable` is what there was before."""

    status: str
    hold_id: str
    spendable: int
    created_at: datetime
    expires_at: datetime
    sequence: int | None


class HoldRow(NamedTuple):
    """A hold as it stands at the moment of asking."""

    id: str
    programme_id: str
    customer_id: str
    wallet: str
    points: int
    captured: int
    reference: str | None
    created_at: datetime
    expires_at: datetime
    state: str
    closed_at: datetime | None


class Released(NamedTuple):
    """Points that a hold let go."""

    hold_id: str
    customer_id: str
    wallet: str
    points: int
    occurred_at: datetime
    sequence: int


class Closed(NamedTuple):
    """What became of closing a hold: `done`, or why not, and then how many points it has; its entries, and what it let go."""

    status: str
    points: int | None
    lines: Sequence[Line]
    released: Released | None


async def place(connection: Connection, programme_id: str, drafts: Sequence[HoldDraft], at: datetime | None) -> list[Placed]:
    """Place holds and return what became of each, in their order."""
    columns = transposed(drafts)
    return [Placed(*row) for row in await connection.fetch(_PLACE, programme_id, *columns, at)]


async def close(connection: Connection, hold_id: str, points: int | None, *, is_void: bool, at: datetime | None) -> Closed:
    """Capture points of a hold (all when None) or void it."""
    rows = await connection.fetch(_CLOSE, hold_id, points, is_void, at)
    lines, released = [], None
    for row in rows:
        if row["kind"] == "release":
            released = Released(hold_id, row["customer_id"], row["wallet"], row["points"], row["occurred_at"], row["sequence"])
        elif row["kind"] is not None:
            moved = (row["entry_id"], row["customer_id"], row["wallet"], row["points"])
            lines.append(Line("redemption", *moved, None, hold_id, None, row["occurred_at"], row["sequence"]))
    return Closed(rows[0]["status"], rows[0]["points"], lines, released)


async def note_timed_out(connection: Connection, many: int, at: datetime | None) -> list[tuple[Released, str]]:
    """Note up to so many holds that have timed out, and return what they let go, each with its programme."""
    return [(Released(*row[:6]), row["programme_id"]) for row in await connection.fetch(_TIMED_OUT, many, at)]


async def find(connection: Connection, hold_id: str, at: datetime | None) -> HoldRow | None:
    """Return a hold, or None."""
    row = await connection.fetchrow(_FIND, hold_id, at)
    return HoldRow(*row) if row is not None else None
