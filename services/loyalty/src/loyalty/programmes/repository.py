"""Every query of programmes."""

from datetime import datetime
from typing import Any, NamedTuple

from shared.database.pool import Connection
from shared.http.pagination import SortKey

# A programme has few rates and there is one programme: all of them come at once.
_VIEW = """
SELECT programmes.id, name, zone, refund_policy, version, discount_scale,
       (SELECT json_agg(json_build_object('version', version, 'numerator', numerator, 'denominator', denominator,
                                          'effective_from', effective_from) ORDER BY effective_from DESC)::jsonb
        FROM programme_rates WHERE programme_id = programmes.id) AS rates
FROM programmes
"""
_PAGE = f"{_VIEW} WHERE programmes.id > $1 ORDER BY programmes.id LIMIT $2"
_FIND = f"{_VIEW} WHERE programmes.id = $1"
_LOCK = "SELECT version FROM programmes WHERE id = $1 FOR UPDATE"
_CHANGE = """
UPDATE programmes SET version = version + 1,
    name = CASE WHEN $2 ? 'name' THEN $2 ->> 'name' ELSE name END,
    zone = CASE WHEN $2 ? 'zone' THEN $2 ->> 'zone' ELSE zone END,
    refund_policy = CASE WHEN $2 ? 'refund_policy' THEN $2 ->> 'refund_policy' ELSE refund_policy END,
    discount_scale = CASE WHEN $2 ? 'discount' THEN nullif($2 -> 'discount', 'null') ELSE discount_scale END
WHERE id = $1
"""
_EXISTS = "SELECT EXISTS (SELECT FROM programmes WHERE id = $1)"
_HAS_WALLET = "SELECT EXISTS (SELECT FROM wallets WHERE programme_id = $1 AND code = $2)"


class RateRow(NamedTuple):
    """`numerator` points for `denominator` minor units, for orders placed from a moment on."""

    version: int
    numerator: int
    denominator: int
    effective_from: datetime


class ProgrammeRow(NamedTuple):
    """A programme and its rates, newest first."""

    id: str
    name: str
    zone: str
    refund_policy: str
    version: int
    discount: dict[str, Any] | None
    rates: list[RateRow]


async def exists(connection: Connection, programme_id: str) -> bool:
    """Return whether there is such a programme."""
    return bool(await connection.fetchval(_EXISTS, programme_id))


async def has_wallet(connection: Connection, programme_id: str, code: str) -> bool:
    """Return whether a programme has a wallet of this code."""
    return bool(await connection.fetchval(_HAS_WALLET, programme_id, code))


async def page(connection: Connection, limit: int, after: SortKey | None) -> list[ProgrammeRow]:
    """Return programmes by id, those after the one with this key."""
    rows = await connection.fetch(_PAGE, *(after or ("",)), limit)
    return [_programme(row) for row in rows]


async def find(connection: Connection, programme_id: str) -> ProgrammeRow | None:
    """Return a programme, or None."""
    row = await connection.fetchrow(_FIND, programme_id)
    return _programme(row) if row is not None else None


async def lock(connection: Connection, programme_id: str) -> int | None:
    """Return the version of a programme, locked; None when there is none."""
    return await connection.fetchval(_LOCK, programme_id)


async def change(connection: Connection, programme_id: str, changes: dict[str, Any]) -> None:
    """Change the fields named."""
    await connection.execute(_CHANGE, programme_id, changes)


def _programme(row: Any) -> ProgrammeRow:
    rates = [_rate(rate) for rate in row["rates"] or ()]
    return ProgrammeRow(row["id"], row["name"], row["zone"], row["refund_policy"], row["version"], row["discount_scale"], rates)


def _rate(rate: dict[str, Any]) -> RateRow:
    return RateRow(rate["version"], rate["numerator"], rate["denominator"], datetime.fromisoformat(rate["effective_from"]))
