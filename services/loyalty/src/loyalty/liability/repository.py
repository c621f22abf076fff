"""Every query of reports on liability. They read the whole ledger in one statement, and so in one snapshot."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from loyalty.liability.rules import Flow
from shared.database.pool import Connection

# Reports read the whole ledger, which takes longer than a request usually may, and joins it with itself, which takes more memory.
TIMEOUT_SECONDS = 120.0
_ALLOW = f"SET LOCAL statement_timeout = '{int(TIMEOUT_SECONDS)}s'; SET LOCAL work_mem = '64MB'"

_VALUE_COLUMNS = "version, amount_minor, points, currency, effective_from"
_VALUES = f"SELECT {_VALUE_COLUMNS} FROM point_values WHERE programme_id = $1 ORDER BY effective_from DESC LIMIT 100"  # noqa: S608 (a constant)
_LOCK = "SELECT true FROM programmes WHERE id = $1 FOR UPDATE"
_ADD_VALUE = f"""
INSERT INTO point_values (programme_id, version, amount_minor, points, currency, effective_from)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5 FROM point_values WHERE programme_id = $1
RETURNING {_VALUE_COLUMNS}
"""  # noqa: S608 (a constant)
_VALUE_AT = f"""
SELECT {_VALUE_COLUMNS} FROM point_values WHERE programme_id = $1 AND effective_from <= coalesce($2, clock_timestamp())
ORDER BY effective_from DESC LIMIT 1
"""  # noqa: S608 (a constant)
_ZONE = "SELECT zone FROM programmes WHERE id = $1"

# What has lapsed and nobody booked, whoever sleeps; those that activity puts off as far as they are due to be looked at.
_DUE = """
SELECT due.* FROM due_lots(9223372036854775807, ARRAY(SELECT account_id FROM expiry_watches WHERE due_at <= {moment}), {moment}) AS due
JOIN accounts ON accounts.id = due.account_id WHERE programme_id = $1
"""
_OUTSTANDING = f"""
SELECT code, kind, currency, coalesce(booked, 0) - coalesce(lapsed, 0) AS outstanding, coalesce(waiting, 0) AS pending,
       coalesce(members, 0) AS members
FROM wallets
LEFT JOIN (
    SELECT wallet, sum(balance)::bigint AS booked, count(*) FILTER (WHERE balance <> 0) AS members FROM accounts
    WHERE programme_id = $1 AND customer_id IS NOT NULL GROUP BY wallet
) AS totals ON totals.wallet = code
LEFT JOIN (
    SELECT wallet, sum(points)::bigint AS lapsed FROM ({_DUE.format(moment="now()")}) AS due GROUP BY wallet
) AS past ON past.wallet = code
LEFT JOIN (
    SELECT wallet, sum(remaining)::bigint AS waiting FROM lots JOIN accounts ON accounts.id = account_id
    WHERE programme_id = $1 AND remaining > 0 AND available_from > earned_at AND available_from > now()
      AND (expires_at > now() OR expiry_version <> 0) GROUP BY wallet
) AS future ON future.wallet = code
WHERE programme_id = $1 ORDER BY code
"""  # noqa: S608 (all parts are constants of this module)
# By what is dated until one instant and was told until another, as a member's wallets are at an instant.
_STANDING_THEN = """
told AS MATERIALIZED (
    SELECT entries.id, account_id, entries.kind, occurred_at, points FROM entries JOIN accounts ON accounts.id = account_id
    WHERE programme_id = $1 AND occurred_at <= $2 AND recorded_at <= $3
), taken AS (
    SELECT lot_id, sum(lot_draws.points) AS points FROM told JOIN lot_draws ON entry_id = told.id GROUP BY lot_id
), reserved AS (
    SELECT lot_id, sum(hold_lots.points) AS points FROM hold_lots JOIN holds ON holds.id = hold_id
    WHERE created_at <= least($2, $3) AND until > $2 AND (closed_at IS NULL OR closed_at > least($2, $3)) GROUP BY lot_id
), own AS MATERIALIZED (
    SELECT lots.id, lots.account_id, earned_at, available_from, expires_at, expiry_version,
           granted - coalesce(taken.points, 0) AS remaining, coalesce(reserved.points, 0) AS held
    FROM told JOIN lots ON lots.entry_id = told.id
    LEFT JOIN taken ON taken.lot_id = lots.id LEFT JOIN reserved ON reserved.lot_id = lots.id
    WHERE granted > coalesce(taken.points, 0)
), standing AS (
    SELECT own.*, coalesce(lasting.expires_at, own.expires_at) AS lapses_at FROM own
    LEFT JOIN lot_expiries(ARRAY(SELECT id FROM own WHERE expiry_version <> 0 AND expires_at <= $2), $2, $3) AS lasting ON lot_id = own.id
)
"""
_OUTSTANDING_THEN = f"""
WITH {_STANDING_THEN}
SELECT code, kind, currency, coalesce(booked, 0) - coalesce(lapsed, 0) AS outstanding, coalesce(waiting, 0) AS pending,
       coalesce(members, 0) AS members
FROM wallets
LEFT JOIN (
    SELECT wallet, sum(points)::bigint AS booked, count(*) FILTER (WHERE points <> 0) AS members FROM (
        SELECT account_id, sum(points) AS points FROM told GROUP BY account_id
    ) AS sums JOIN accounts ON accounts.id = account_id GROUP BY wallet
) AS totals ON totals.wallet = code
LEFT JOIN (
    SELECT wallet, sum(remaining - held) FILTER (WHERE lapses_at <= $2)::bigint AS lapsed,
           sum(remaining) FILTER (WHERE lapses_at > $2 AND available_from > earned_at AND available_from > $2)::bigint AS waiting
    FROM standing JOIN accounts ON accounts.id = account_id GROUP BY wallet
) AS lots ON lots.wallet = code
WHERE programme_id = $1 ORDER BY code
"""  # noqa: S608 (all parts are constants of this module)

_ROLL_FORWARD = f"""
WITH moved AS (
    SELECT wallet, CASE WHEN occurred_at < $2 THEN '-infinity'::date ELSE date_trunc($4, occurred_at AT TIME ZONE zone)::date END AS begins,
           CASE WHEN kind IN ('redemption', 'restoration') THEN 'redeemed'
                WHEN kind IN ('expiry', 'reinstatement', 'forfeiture') THEN 'expired'
                WHEN kind IN ('transfer_in', 'transfer_out') THEN 'transferred' ELSE kind END AS kind, points
    FROM entries JOIN (
        SELECT accounts.id, wallet, zone FROM accounts JOIN programmes ON programmes.id = programme_id WHERE programme_id = $1
    ) AS account ON account.id = account_id
    WHERE occurred_at < $3
    UNION ALL
    SELECT due.wallet, CASE WHEN lapsed_at < $2 THEN '-infinity'::date ELSE date_trunc($4, lapsed_at AT TIME ZONE zone)::date END,
           'expired', -points
    FROM ({_DUE.format(moment="least(now(), $3)")}) AS due, programmes WHERE programmes.id = $1 AND lapsed_at < $3
)
SELECT wallet, begins, sum(points)::bigint AS net, coalesce(sum(points) FILTER (WHERE kind = 'accrual'), 0)::bigint,
       coalesce(-sum(points) FILTER (WHERE kind = 'redeemed'), 0)::bigint,
       coalesce(-sum(points) FILTER (WHERE kind = 'expired'), 0)::bigint,
       coalesce(sum(points) FILTER (WHERE kind = 'adjustment'), 0)::bigint,
       coalesce(sum(points) FILTER (WHERE kind = 'transferred'), 0)::bigint,
       coalesce(-sum(points) FILTER (WHERE kind = 'reversal'), 0)::bigint
FROM moved GROUP BY wallet, begins ORDER BY wallet, begins
"""  # noqa: S608 (all parts are constants of this module)

# What was earned, spent and lost of the points of a month, by month. A gift leaves one lot and is another, as old as it was.
_MONTH = "(extract(year FROM {month}) * 12 + extract(month FROM {month}) - 1)::integer"
_FLOWS = f"""
WITH {_STANDING_THEN}, zoned AS (
    SELECT zone FROM programmes WHERE id = $1
), account AS (
    SELECT id FROM accounts WHERE programme_id = $1 AND wallet = $4 AND customer_id IS NOT NULL
), moved AS (
    SELECT earned_at, CASE WHEN kind = 'transfer_in' THEN occurred_at ELSE earned_at END AS moment,
           granted AS earned, 0 AS redeemed, 0 AS gone
    FROM told JOIN account ON account.id = told.account_id JOIN lots ON lots.entry_id = told.id
    UNION ALL
    SELECT earned_at, occurred_at, 0, CASE WHEN kind IN ('redemption', 'restoration') THEN lot_draws.points ELSE 0 END,
           CASE WHEN kind IN ('redemption', 'restoration') THEN 0 ELSE lot_draws.points END
    FROM told JOIN account ON account.id = told.account_id JOIN lot_draws ON lot_draws.entry_id = told.id
    JOIN lots ON lots.id = lot_id AND NOT is_overdraft
    UNION ALL
    SELECT earned_at, lapses_at, 0, 0, remaining - held FROM standing JOIN account ON account.id = account_id WHERE lapses_at <= $2
)
SELECT {_MONTH.format(month="earned_in")} AS cohort, {_MONTH.format(month="moved_in")} AS month, earned, redeemed, gone FROM (
    SELECT date_trunc('month', earned_at AT TIME ZONE zone) AS earned_in, date_trunc('month', moment AT TIME ZONE zone) AS moved_in,
           sum(earned)::bigint AS earned, sum(redeemed)::bigint AS redeemed, sum(gone)::bigint AS gone
    FROM moved, zoned GROUP BY 1, 2
) AS sums
"""  # noqa: S608 (all parts are constants of this module)

# Each entry has the value of its day; before the first the points have none.
_COSTS = """
WITH valued AS (
    SELECT amount_minor, points, currency, effective_from, lead(effective_from, 1, 'infinity') OVER (ORDER BY effective_from) AS until
    FROM point_values WHERE programme_id = $1
), given AS (
    SELECT CASE WHEN entries.rule_version IS NOT NULL THEN entries.rule_version WHEN entries.kind = 'adjustment' THEN 'adjustment'
                ELSE coalesce('rate@' || coalesce(entries.rate_version, orders.rate_version), 'other') END AS source,
           entries.kind, entries.points, entries.occurred_at
    FROM entries JOIN (SELECT id FROM accounts WHERE programme_id = $1 AND wallet = $2) AS account ON account.id = account_id
    LEFT JOIN orders ON entries.kind = 'reversal' AND entries.rule_version IS NULL AND orders.order_id = entries.order_id
    WHERE occurred_at >= $3 AND occurred_at < $4 AND entries.kind IN ('accrual', 'reversal', 'adjustment')
)
SELECT source, currency, count(*) FILTER (WHERE kind <> 'reversal') AS entries,
       coalesce(sum(given.points) FILTER (WHERE kind <> 'reversal'), 0)::bigint AS given,
       coalesce(-sum(given.points) FILTER (WHERE kind = 'reversal'), 0)::bigint AS taken_back,
       round(sum(given.points * amount_minor / valued.points::numeric))::bigint AS cost_minor
FROM given LEFT JOIN valued ON occurred_at >= effective_from AND occurred_at < until
GROUP BY source, currency ORDER BY given DESC, source, currency LIMIT 1000
"""


class ValueRow(NamedTuple):
    """So many minor units of money for so many points, from a moment on."""

    version: int
    amount_minor: int
    points: int
    currency: str
    effective_from: datetime


class OutstandingRow(NamedTuple):
    """What the members hold of a wallet."""

    wallet: str
    kind: str
    currency: str | None
    outstanding: int
    pending: int
    members: int


class MovedRow(NamedTuple):
    """What moved in a wallet in a period; the one that begins at no day is all that was before."""

    wallet: str
    begins: date
    net: int
    issued: int
    redeemed: int
    expired: int
    adjusted: int
    transferred: int
    reversed: int


class CostRow(NamedTuple):
    """What a rule gave, and what it costs in a currency; without one when a point had no value yet."""

    source: str
    currency: str | None
    entries: int
    given: int
    taken_back: int
    cost_minor: int | None


async def values(connection: Connection, programme_id: str) -> list[ValueRow]:
    """Return the values of a point, the one that begins last first."""
    return [ValueRow(*row) for row in await connection.fetch(_VALUES, programme_id)]


async def value_at(connection: Connection, programme_id: str, moment: datetime | None) -> ValueRow | None:
    """Return the value of a point at a moment, the present when None; None when it has none."""
    row = await connection.fetchrow(_VALUE_AT, programme_id, moment)
    return ValueRow(*row) if row is not None else None


async def lock(connection: Connection, programme_id: str) -> bool:
    """Lock a programme; return whether there is one."""
    return bool(await connection.fetchval(_LOCK, programme_id))


async def add_value(connection: Connection, programme_id: str, value: ValueRow) -> ValueRow:
    """Keep a value; its version is given here."""
    row = await connection.fetchrow(_ADD_VALUE, programme_id, *value[1:])
    assert row is not None
    return ValueRow(*row)


async def zone(connection: Connection, programme_id: str) -> str:
    """Return by which days a programme goes."""
    return await connection.fetchval(_ZONE, programme_id)


async def outstanding(connection: Connection, programme_id: str) -> list[OutstandingRow]:
    """Return what members hold now, a row for each wallet."""
    return [OutstandingRow(*row) for row in await _read(connection, _OUTSTANDING, programme_id)]


async def outstanding_then(connection: Connection, programme_id: str, as_of: datetime, known_at: datetime) -> list[OutstandingRow]:
    """Return what members held at an instant, as far as it was known at another, a row for each wallet."""
    return [OutstandingRow(*row) for row in await _read(connection, _OUTSTANDING_THEN, programme_id, as_of, known_at)]


async def moved(connection: Connection, programme_id: str, since: datetime, until: datetime, unit: str) -> list[MovedRow]:
    """Return what moved in the wallets of a programme: all before an instant, then by month or year until another."""
    return [MovedRow(*row) for row in await _read(connection, _ROLL_FORWARD, programme_id, since, until, unit)]


async def flows(connection: Connection, programme_id: str, wallet: str, as_of: datetime, known_at: datetime) -> list[Flow]:
    """Return what happened to the points of each month, by month, until an instant, as far as it was known at another."""
    return [Flow(*row) for row in await _read(connection, _FLOWS, programme_id, as_of, known_at, wallet)]


async def costs(connection: Connection, programme_id: str, wallet: str, since: datetime, until: datetime) -> list[CostRow]:
    """Return what rules and rates gave, and what it costs."""
    return [CostRow(*row) for row in await _read(connection, _COSTS, programme_id, wallet, since, until)]


async def _read(connection: Connection, statement: str, *arguments: object) -> Sequence[tuple]:
    async with connection.transaction():
        await connection.execute(_ALLOW)
        return [tuple(row) for row in await connection.fetch(statement, *arguments, timeout=TIMEOUT_SECONDS)]
