"""Every query on holdings, balances and credit ratings."""

# ruff: noqa: S608 - statements are put together from the constants of this module only

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from asyncpg import Record

from customers.holdings.rules import Alert, Balance, Watched
from customers.timeline.repository import deleted
from shared.database.pool import Connection
from shared.ids import new_id

_CHANGEABLE = (
    *("name", "status", "rate_ppm", "matures_at", "payment_due_at", "payment_due_minor", "maturity_notice_days"),
    *("falling_percent", "falling_days", "attributes"),
)
_HOLDING = """
SELECT h.id, h.version, h.external_id, h.customer_id, c.external_id AS customer_external_id, h.product_kind, h.name, h.status,
       h.currency, h.rate_ppm, h.opened_at, h.matures_at, h.payment_due_at, h.payment_due_minor, h.maturity_notice_days,
       h.falling_percent, h.falling_days, h.attributes, h.balance_minor, h.balance_at, h.created_at, h.updated_at
FROM holdings AS h JOIN customers AS c ON c.id = h.customer_id
"""
_GET = f"{_HOLDING} WHERE h.id = $1"
_GET_BY_EXTERNAL_ID = f"{_HOLDING} WHERE h.external_id = $1"
_LOCK = f"{_HOLDING} WHERE h.id = $1 FOR NO KEY UPDATE OF h"
_LOCK_DUE = f"{_HOLDING} WHERE h.alert_due_at <= $1 ORDER BY h.alert_due_at LIMIT $2 FOR NO KEY UPDATE OF h SKIP LOCKED"
_CUSTOMER = "SELECT id FROM customers WHERE {} = $1 AND root_id IS NOT NULL FOR KEY SHARE"
_INSERT = """
WITH customer AS ({customer})
INSERT INTO holdings (id, external_id, product_kind, name, currency, rate_ppm, opened_at, matures_at, payment_due_at, payment_due_minor,
    maturity_notice_days, falling_percent, falling_days, attributes, alert_due_at, customer_id)
SELECT $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, customer.id FROM customer
ON CONFLICT (external_id) DO NOTHING RETURNING id
"""
_INSERT_BY_ID = _INSERT.format(customer=_CUSTOMER.format("id"))
_INSERT_BY_EXTERNAL_ID = _INSERT.format(customer=_CUSTOMER.format("external_id"))
_UPDATE = f"""
UPDATE holdings SET version = version + 1, updated_at = now(), alert_due_at = $2,
    {", ".join(f"{name} = ${number}" for number, name in enumerate(_CHANGEABLE, start=3))}
WHERE id = $1
"""
_RESCHEDULE = """
UPDATE holdings AS h SET alert_due_at = t.due_at FROM unnest($1::text[], $2::timestamptz[]) AS t (id, due_at) WHERE h.id = t.id
"""
_RAISE = """
WITH raised AS (
    INSERT INTO holding_alerts (id, holding_id, alert, about_at, raised_at)
    SELECT id, holding_id, alert, about_at, $5 FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
        AS t (id, holding_id, alert, about_at)
    ORDER BY holding_id, about_at, alert
    ON CONFLICT (holding_id, alert, about_at) DO NOTHING
    RETURNING id, holding_id, alert, about_at
), counted AS (
    UPDATE holdings AS h SET alerts = h.alerts + r.number FROM (SELECT holding_id, count(*) AS number FROM raised GROUP BY holding_id) AS r
    WHERE h.id = r.holding_id RETURNING h.id, h.customer_id, h.product_kind, h.alerts - r.number AS before
), touched AS (
    INSERT INTO touches (id, customer_id, kind, journey_stage, occurred_at, source_id, summary)
    SELECT 'tch_' || substr(raised.id, 5), counted.customer_id, 'holding_alert', 'service', $5, raised.id,
           jsonb_build_object('alert', raised.alert, 'holding_id', raised.holding_id, 'product_kind', counted.product_kind)
    FROM raised JOIN counted ON counted.id = raised.holding_id
)
SELECT raised.holding_id, counted.customer_id, counted.product_kind, raised.alert, raised.about_at,
       counted.before + row_number() OVER (PARTITION BY raised.holding_id ORDER BY raised.id) AS sequence
FROM raised JOIN counted ON counted.id = raised.holding_id ORDER BY raised.holding_id, sequence
"""
_ADD_BALANCE = """
WITH added AS (
    INSERT INTO holding_balances AS b (holding_id, at, balance_minor) VALUES ($1, $2, $3)
    ON CONFLICT (holding_id, at) DO UPDATE SET balance_minor = excluded.balance_minor, recorded_at = now()
)
UPDATE holdings SET version = version + 1, updated_at = now(), balance_minor = $3, balance_at = $2
WHERE id = $1 AND (balance_at IS NULL OR balance_at <= $2)
"""
# The run of balances that the falls around a moment depend on: with what held when the window began, and what follows it.
_BALANCES_AROUND = """
SELECT at, balance_minor FROM holding_balances
WHERE holding_id = $1
  AND at >= coalesce((SELECT max(at) FROM holding_balances WHERE holding_id = $1 AND at <= $2), $2)
  AND at <= coalesce((SELECT min(at) FROM holding_balances WHERE holding_id = $1 AND at > $3), $3)
ORDER BY at
"""
# A balance holds until the next one; what held when the period began counts from there.
BEHAVIOUR = """
WITH run AS (
    SELECT at, balance_minor FROM holding_balances
    WHERE holding_id = $1 AND at < $3
      AND at >= coalesce((SELECT max(at) FROM holding_balances WHERE holding_id = $1 AND at <= $2), $2)
), held AS (
    SELECT at, greatest(at, $2) AS since, lead(at, 1, $3) OVER (ORDER BY at) AS until, balance_minor,
           balance_minor - lag(balance_minor) OVER (ORDER BY at) AS change
    FROM run
)
SELECT min(since) AS known_from, count(*) FILTER (WHERE at >= $2) AS readings,
       (array_agg(balance_minor ORDER BY at))[1] AS first_minor, (array_agg(balance_minor ORDER BY at DESC))[1] AS last_minor,
       min(balance_minor) AS lowest_minor, max(balance_minor) AS highest_minor,
       round(sum(balance_minor * extract(epoch FROM until - since)) / sum(extract(epoch FROM until - since)))::bigint AS average_minor,
       coalesce(sum(change) FILTER (WHERE change > 0), 0)::bigint AS inflow_minor,
       coalesce(-sum(change) FILTER (WHERE change < 0), 0)::bigint AS outflow_minor
FROM held
"""
BALANCES = "SELECT at, balance_minor FROM holding_balances WHERE holding_id = $1 ORDER BY at DESC LIMIT $2"
BALANCES_AFTER = BALANCES.replace("$1", "$1 AND at < $3", 1)

# Ids follow the time at which alerts were raised.
_ALERT = "a.id, a.holding_id, h.customer_id, h.product_kind, a.alert, a.about_at, a.raised_at"
_OF_HOLDING = "SELECT * FROM holding_alerts AS n WHERE n.holding_id = h.id{} ORDER BY n.id DESC LIMIT $2"
_ALERTS_OF = f"""
SELECT {_ALERT} FROM holdings AS h CROSS JOIN LATERAL ({{}}) AS a WHERE {{}} ORDER BY a.id DESC LIMIT $2
"""
_THE_HOLDING = "h.id = $1"
_THEIR_HOLDINGS = "h.customer_id = ANY($1::text[])"
ALERTS, ALERTS_AFTER, FAMILY_ALERTS, FAMILY_ALERTS_AFTER = (
    _ALERTS_OF.format(_OF_HOLDING.format(after), whose) for whose in (_THE_HOLDING, _THEIR_HOLDINGS) for after in ("", " AND n.id < $3")
)

_FILTERS = {"product_kind": "h.product_kind = ${n}", "status": "h.status = ${n}"}
_OF_FAMILY = f"""
SELECT h.* FROM unnest($1::text[]) AS f (id) CROSS JOIN LATERAL ({_HOLDING} WHERE h.customer_id = f.id ORDER BY h.id DESC LIMIT $2) AS h
ORDER BY h.id DESC LIMIT $2
"""
_OF_FAMILY_AFTER = _OF_FAMILY.replace("= f.id", "= f.id AND h.id < $3")

_SUMS = """
SELECT product_kind, currency, count(*) AS holdings, coalesce(sum(balance_minor), 0)::bigint AS balance_minor,
       (sum(rate_ppm::numeric * greatest(balance_minor, 0)) FILTER (WHERE rate_ppm IS NOT NULL)
           / nullif(sum(greatest(balance_minor, 0)) FILTER (WHERE rate_ppm IS NOT NULL), 0))::bigint AS rate_ppm,
       min(matures_at) FILTER (WHERE matures_at > $2) AS next_maturity_at,
       count(*) FILTER (WHERE payment_due_at <= $2) AS overdue_payments
FROM holdings WHERE customer_id = ANY($1::text[]) AND status = 'open' GROUP BY product_kind, currency ORDER BY product_kind, currency
"""
_CLOSED = "SELECT count(*) FROM holdings WHERE customer_id = ANY($1::text[]) AND status = 'closed'"

_RATE = """
INSERT INTO credit_ratings (id, customer_id, rating, score, source, rated_at)
SELECT $2, id, $3, $4, $5, $6 FROM customers WHERE id = $1 AND root_id IS NOT NULL FOR KEY SHARE
ON CONFLICT (customer_id, rated_at, source) DO NOTHING RETURNING id
"""
_RATED = "SELECT id, rating, score, source, rated_at FROM credit_ratings WHERE customer_id = $1 AND rated_at = $2 AND source = $3"
_RATINGS = """
SELECT r.* FROM unnest($1::text[]) AS f (id) CROSS JOIN LATERAL (
    SELECT id, rating, score, source, rated_at FROM credit_ratings WHERE customer_id = f.id ORDER BY rated_at DESC, id DESC LIMIT $2
) AS r ORDER BY r.rated_at DESC, r.id DESC LIMIT $2
"""
_RATINGS_AFTER = _RATINGS.replace("= f.id", "= f.id AND (rated_at, id) < ($3, $4)")

_THEIRS = "(SELECT id FROM holdings WHERE customer_id = ANY($1::text[]))"
# In this order: a holding goes after what names it.
_ERASE = {
    "holding_alerts": f"DELETE FROM holding_alerts WHERE holding_id IN {_THEIRS}",
    "holding_balances": f"DELETE FROM holding_balances WHERE holding_id IN {_THEIRS}",
    "holdings": "DELETE FROM holdings WHERE customer_id = ANY($1::text[])",
    "credit_ratings": "DELETE FROM credit_ratings WHERE customer_id = ANY($1::text[])",
}
_COLLECT = {
    "holdings": f"{_HOLDING} WHERE h.customer_id = ANY($1::text[]) ORDER BY h.id",
    "holding_balances": f"SELECT * FROM holding_balances WHERE holding_id IN {_THEIRS} ORDER BY holding_id, at",
    "holding_alerts": f"SELECT * FROM holding_alerts WHERE holding_id IN {_THEIRS} ORDER BY id",
    "credit_ratings": "SELECT * FROM credit_ratings WHERE customer_id = ANY($1::text[]) ORDER BY id",
}


class StoredHolding(NamedTuple):
    """A holding as the table holds it."""

    id: str
    version: int
    external_id: str | None
    customer_id: str
    customer_external_id: str | None
    product_kind: str
    name: str | None
    status: str
    currency: str
    rate_ppm: int | None
    opened_at: datetime
    matures_at: datetime | None
    payment_due_at: datetime | None
    payment_due_minor: int | None
    maturity_notice_days: int | None
    falling_percent: int | None
    falling_days: int
    attributes: dict[str, Any]
    balance_minor: int | None
    balance_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def watched(self) -> Watched:
        """What its alerts depend on."""
        return Watched(self.status == "open", self.matures_at, self.maturity_notice_days, self.payment_due_at)


class NewHolding(NamedTuple):
    """A holding to be added, in the order of the statement's parameters."""

    customer: str
    id: str
    external_id: str | None
    product_kind: str
    name: str | None
    currency: str
    rate_ppm: int | None
    opened_at: datetime
    matures_at: datetime | None
    payment_due_at: datetime | None
    payment_due_minor: int | None
    maturity_notice_days: int | None
    falling_percent: int | None
    falling_days: int
    attributes: dict[str, Any]
    alert_due_at: datetime | None


async def insert(connection: Connection, new: NewHolding, *, by_external_id: bool) -> bool:
    """Add a holding of a customer named by his id or by the caller's; tell False when he is unknown or its external id is taken."""
    return await connection.fetchval(_INSERT_BY_EXTERNAL_ID if by_external_id else _INSERT_BY_ID, *new) is not None


async def get(connection: Connection, holding_id: str) -> StoredHolding | None:
    """Return a holding."""
    row = await connection.fetchrow(_GET, holding_id)
    return row and StoredHolding(*row)


async def get_by_external_id(connection: Connection, external_id: str) -> StoredHolding | None:
    """Return the holding with an external id."""
    row = await connection.fetchrow(_GET_BY_EXTERNAL_ID, external_id)
    return row and StoredHolding(*row)


async def lock(connection: Connection, holding_id: str) -> StoredHolding | None:
    """Return a holding whose row nobody else changes until the transaction ends."""
    row = await connection.fetchrow(_LOCK, holding_id)
    return row and StoredHolding(*row)


async def lock_due(connection: Connection, now: datetime, limit: int) -> list[StoredHolding]:
    """Return holdings whose alerts have come due and that nobody else works on, locked, the longest due first."""
    return [StoredHolding(*row) for row in await connection.fetch(_LOCK_DUE, now, limit)]


async def update(connection: Connection, holding: StoredHolding, alert_due_at: datetime | None) -> None:
    """Write what can change of a locked holding, and when its next alert comes due."""
    await connection.execute(_UPDATE, holding.id, alert_due_at, *(getattr(holding, name) for name in _CHANGEABLE))


async def reschedule(connection: Connection, due: Sequence[tuple[str, datetime | None]]) -> None:
    """Write when the next alerts of locked holdings come due."""
    await connection.execute(_RESCHEDULE, [each[0] for each in due], [each[1] for each in due])


async def raise_alerts(connection: Connection, alerts: Sequence[tuple[str, Alert]], now: datetime) -> list[Record]:
    """Write alerts of locked holdings; return those that are new, each with its number within the holding."""
    columns = zip(*((new_id("hal"), holding_id, alert.alert, alert.about_at) for holding_id, alert in alerts), strict=True)
    return await connection.fetch(_RAISE, *(list(column) for column in columns), now)


async def add_balance(connection: Connection, holding_id: str, balance: Balance) -> None:
    """Write a balance of a locked holding; the latest becomes its own."""
    await connection.execute(_ADD_BALANCE, holding_id, *balance)


async def balances_around(connection: Connection, holding_id: str, starts_at: datetime, ends_at: datetime) -> list[Balance]:
    """Return the balances of a period with the one that held when it began and the one that follows it."""
    return [Balance(*row) for row in await connection.fetch(_BALANCES_AROUND, holding_id, starts_at, ends_at)]


async def balances(connection: Connection, holding_id: str, after: Sequence[Any] | None, limit: int) -> list[Balance]:
    """Return balances, newest first, after a moment."""
    return [Balance(*row) for row in await connection.fetch(BALANCES_AFTER if after else BALANCES, holding_id, limit, *(after or ()))]


async def behaviour(connection: Connection, holding_id: str, starts_at: datetime, ends_at: datetime) -> Record:
    """Return how the balance of a holding went within a period; nothing but counts where no balance is known."""
    row = await connection.fetchrow(BEHAVIOUR, holding_id, starts_at, ends_at)
    assert row is not None
    return row


async def alerts(connection: Connection, holding_id: str, after: Sequence[Any] | None, limit: int) -> list[Record]:
    """Return the alerts of a holding, the last raised first, after an id."""
    return await connection.fetch(ALERTS_AFTER if after else ALERTS, holding_id, limit, *(after or ()))


async def alerts_of_family(connection: Connection, ids: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[Record]:
    """Return the alerts about the holdings of all records of a customer, the last raised first, after an id."""
    return await connection.fetch(FAMILY_ALERTS_AFTER if after else FAMILY_ALERTS, ids, limit, *(after or ()))


async def page(connection: Connection, filters: Mapping[str, Any], after: Sequence[Any] | None, limit: int) -> list[StoredHolding]:
    """Return the holdings that pass the filters (product_kind, status), newest first, after an id."""
    statement = page_statement(tuple(filters), is_first=after is None)
    return [StoredHolding(*row) for row in await connection.fetch(statement, limit, *(after or ()), *filters.values())]


@lru_cache(maxsize=16)
def page_statement(filters: tuple[str, ...], *, is_first: bool) -> str:
    """Return the statement of a page; its parameters are the limit, the id unless it is the first page, the filters' values."""
    conditions = [] if is_first else ["h.id < $2"]
    conditions += [_FILTERS[name].format(n=number) for number, name in enumerate(filters, start=2 if is_first else 3)]
    return f"{_HOLDING} WHERE {' AND '.join(conditions) or 'true'} ORDER BY h.id DESC LIMIT $1"


async def page_of_family(connection: Connection, ids: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[StoredHolding]:
    """Return the holdings of all records of a customer, newest first, after an id."""
    rows = await connection.fetch(_OF_FAMILY_AFTER if after else _OF_FAMILY, ids, limit, *(after or ()))
    return [StoredHolding(*row) for row in rows]


async def sums(connection: Connection, ids: Sequence[str], now: datetime) -> tuple[list[Record], int]:
    """Return the sums of a family's open holdings by kind and currency, and how many are closed."""
    closed = await connection.fetchval(_CLOSED, ids)
    assert closed is not None
    return await connection.fetch(_SUMS, ids, now), closed


async def rate(connection: Connection, customer_id: str, rating: Mapping[str, Any]) -> str | None:
    """Add a credit rating of a record; return its id, or None when the source rated him at that moment before."""
    values = (rating["rating"], rating["score"], rating["source"], rating["rated_at"])
    return await connection.fetchval(_RATE, customer_id, new_id("crt"), *values)


async def rated(connection: Connection, customer_id: str, rated_at: datetime, source: str) -> Record | None:
    """Return how a source rated a record at a moment."""
    return await connection.fetchrow(_RATED, customer_id, rated_at, source)


async def ratings(connection: Connection, ids: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[Record]:
    """Return the credit ratings of a family, newest first, after a sort key (rated_at, id)."""
    return await connection.fetch(_RATINGS_AFTER if after else _RATINGS, ids, limit, *(after or ()))


async def erase(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Delete the holdings and ratings of records with all that belongs to them; return how many rows of each kind."""
    return {name: deleted(await connection.execute(statement, ids)) for name, statement in _ERASE.items()}


async def collect(connection: Connection, ids: Sequence[str]) -> dict[str, list[Record]]:
    """Return everything of records, by kind of row."""
    return {name: await connection.fetch(statement, ids) for name, statement in _COLLECT.items()}
