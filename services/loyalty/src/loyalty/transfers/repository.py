"""Every query of transfers."""

from datetime import datetime
from typing import NamedTuple

from loyalty.ledger.posting import Line
from shared.database.pool import Connection

_TRANSFER = "SELECT * FROM transfer_points($1, $2, $3, $4, $5, $6, $7)"


class Transferred(NamedTuple):
    """What became of a transfer: posted with the entries of both sides, insufficient with what could be given, or unknown."""

    status: str
    lines: list[Line]
    spendable: int | None


async def transfer(
    connection: Connection,
    programme_id: str,
    giver: str,
    receiver: str,
    wallet: str,
    points: int,
    transfer_id: str,
    at: datetime | None,
) -> Transferred:
    """Move points from one member to another."""
    rows = await connection.fetch(_TRANSFER, programme_id, giver, receiver, wallet, points, transfer_id, at)
    lines = [
        Line(r["kind"], r["entry_id"], r["customer_id"], wallet, r["points"], None, transfer_id, None, r["occurred_at"], r["sequence"])
        for r in rows
        if r["entry_id"] is not None
    ]
    return Transferred(rows[0]["status"], lines, rows[0]["points"])
