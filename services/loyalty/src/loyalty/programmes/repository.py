"""Every query of programmes."""

from datetime import datetime
from typing import Any, NamedTuple

from shared.database.pool import Connection
from shared.http.pagination import SortKey

# A programme has few rates and there is one programme: all of them come at once.
_PAGE = """
SELECT programmes.id, name,
       (SELECT json_agg(json_build_object('version', version, 'numerator', numerator, 'denominator', denominator,
                                          'effective_from', effective_from) ORDER BY effective_from DESC)::jsonb
        FROM programme_rates WHERE programme_id = programmes.id) AS rates
FROM programmes WHERE programmes.id > $1 ORDER BY programmes.id LIMIT $2
"""

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
    rates: list[RateRow]


async def has_wallet(connection: Connection, programme_id: str, code: str) -> bool:
    """Return whether a programme has a wallet of this code."""
    return bool(await connection.fetchval(_HAS_WALLET, programme_id, code))


async def page(connection: Connection, limit: int, after: SortKey | None) -> list[ProgrammeRow]:
    """Return programmes by id, those after the one with this key."""
    rows = await connection.fetch(_PAGE, *(after or ("",)), limit)
    return [ProgrammeRow(row["id"], row["name"], [_rate(rate) for rate in row["rates"]]) for row in rows]


def _rate(rate: dict[str, Any]) -> RateRow:
    return RateRow(rate["version"], rate["numerator"], rate["denominator"], datetime.fromisoformat(rate["effective_from"]))
