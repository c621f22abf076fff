"""Every query of adjustments."""

from datetime import datetime
from typing import NamedTuple

from shared.database.pool import Connection

_COLUMNS = "id, programme_id, customer_id, wallet, points, reason, state, requested_by, requested_at, decided_by, decided_at, expires_at"
_INSERT = f"""
INSERT INTO adjustments (id, programme_id, customer_id, wallet, points, reason, expires_at, state, requested_by, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE $8 WHEN 'posted' THEN clock_timestamp() END) RETURNING {_COLUMNS}
"""  # noqa: S608 (all parts are constants of this module)
_FIND = f"SELECT {_COLUMNS} FROM adjustments WHERE id = $1"  # noqa: S608 (as above)
_LOCK = f"{_FIND} FOR UPDATE"
_DECIDE = f"""
UPDATE adjustments SET state = $2, decided_by = $3, decided_at = clock_timestamp() WHERE id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608 (as above)


class AdjustmentRow(NamedTuple):
    """Points given, or taken when below zero, by hand."""

    id: str
    programme_id: str
    customer_id: str
    wallet: str
    points: int
    reason: str | None
    state: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    expires_at: datetime | None


async def insert(
    connection: Connection,
    adjustment_id: str,
    programme_id: str,
    customer_id: str,
    wallet: str,
    points: int,
    reason: str,
    expires_at: datetime | None,
    state: str,
    caller: str,
) -> AdjustmentRow:
    """Keep an adjustment that was asked for."""
    arguments = (adjustment_id, programme_id, customer_id, wallet, points, reason, expires_at, state, caller)
    return AdjustmentRow(*(await connection.fetchrow(_INSERT, *arguments) or ()))


async def find(connection: Connection, adjustment_id: str, *, lock: bool = False) -> AdjustmentRow | None:
    """Return an adjustment, or None; locked until the end of the transaction if wanted."""
    row = await connection.fetchrow(_LOCK if lock else _FIND, adjustment_id)
    return AdjustmentRow(*row) if row is not None else None


async def decide(connection: Connection, adjustment_id: str, state: str, caller: str) -> AdjustmentRow:
    """Keep what was decided, and who did."""
    return AdjustmentRow(*(await connection.fetchrow(_DECIDE, adjustment_id, state, caller) or ()))
