"""Every query of occasions, what was awarded for them, and the limits of rules; each one round trip a batch."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from loyalty.earning.rules import Back
from loyalty.ledger.repository import telling_contradictions
from loyalty.rules.rules import Occasion
from shared.contracts.customers import OrderPlaced
from shared.database.pool import Connection
from shared.database.rows import transposed

_LOCK = "SELECT ensure_members($1, $2)"
_LOCK_POOLS = "SELECT lock_pools($1)"
_HEAR_ORDERS = "SELECT * FROM hear_orders($1, $2, $3, $4, $5, $6)"
_HEAR_OCCASIONS = "SELECT seen_by FROM hear_occasions($1, $2, $3, $4)"
# Which of the orders know their way already: 0 is by rules.
_KNOWN = "SELECT order_id, rate_version FROM orders WHERE order_id = ANY ($1)"
# Orders that earned nothing are no entries, and orders of before there were rules are no occasions; between them nothing is missed but
# an early order too small for a point.
_TRAITS = """
SELECT told.place, coalesce(traits, '{}') || jsonb_build_object(
           'enrolled_days', greatest(extract(day FROM told.moment - enrolled_at), 0)::int,
           'stages', (SELECT coalesce(jsonb_object_agg(key, value -> 'stage'), '{}') FROM jsonb_each(stages)),
           'segments', segments
       ) AS traits,
       NOT EXISTS (SELECT FROM entries WHERE entries.customer_id = told.customer_id AND occurred_at < told.moment
                   AND kind = 'accrual' AND order_id IS NOT NULL)
       AND NOT EXISTS (SELECT FROM occasions WHERE occasions.customer_id = told.customer_id AND occurred_at < told.moment
                       AND trigger = 'order_placed') AS is_first
FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS told (customer_id, moment, place)
LEFT JOIN customer_traits USING (customer_id) LEFT JOIN members USING (customer_id)
CROSS JOIN LATERAL segments_of(told.customer_id, told.moment) ORDER BY place
"""
_KEEP_TRAITS = """
INSERT INTO customer_traits (customer_id, traits, told_at)
SELECT DISTINCT ON (customer_id) * FROM unnest($1::text[], $2::jsonb[], $3::timestamptz[]) AS told (customer_id, traits, told_at)
ORDER BY customer_id, told_at DESC
ON CONFLICT (customer_id) DO UPDATE SET traits = excluded.traits, told_at = excluded.told_at
WHERE customer_traits.told_at < excluded.told_at
"""
_KEEP_STAGES = """
INSERT INTO customer_traits (customer_id, traits, told_at, stages)
SELECT customer_id, '{}', 'epoch', jsonb_object_agg(track, jsonb_build_object('stage', stage, 'since', extract(epoch FROM changed_at)))
FROM (
    SELECT DISTINCT ON (customer_id, track) * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
        AS told (customer_id, track, stage, changed_at) ORDER BY customer_id, track, changed_at DESC
) AS latest GROUP BY customer_id ORDER BY customer_id
ON CONFLICT (customer_id) DO UPDATE SET stages = customer_traits.stages || (
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(excluded.stages)
    WHERE (value ->> 'since')::numeric > coalesce((customer_traits.stages -> key ->> 'since')::numeric, '-infinity')
)
"""
_ALLOT = "SELECT item, allowed FROM allot_points($1, $2, $3, $4, $5, $6)"
_GIVE_BACK = """
UPDATE rule_usage SET points = greatest(rule_usage.points - freed.points, 0)
FROM (
    SELECT rule_id, customer_id, period, sum(points)::bigint AS points
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS told (rule_id, customer_id, period, points) GROUP BY 1, 2, 3
) AS freed
WHERE (rule_usage.rule_id, rule_usage.customer_id, rule_usage.period) = (freed.rule_id, freed.customer_id, freed.period)
"""
_KEEP_AWARDS = """
INSERT INTO awards (trigger, source_id, programme_id, rule_id, rule_version, wallet, earned, allowed, kept, periods, entry_id)
SELECT trigger, source_id, programme_id, rule_id, rule_version, wallet, earned, allowed, kept, string_to_array(periods, ','), entry_id
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[],
            $11::text[])
    AS told (trigger, source_id, programme_id, rule_id, rule_version, wallet, earned, allowed, kept, periods, entry_id)
"""
# What was decided: the occasions as the rules saw them, with what was given for each.
_KEEP_DECISIONS = f"""
WITH seen AS (
    INSERT INTO occasions (programme_id, trigger, source_id, customer_id, occurred_at, facts, traits, rules)
    SELECT $12, trigger, source_id, customer_id, occurred_at, facts, traits, string_to_array(rules, ',')
    FROM unnest($13::text[], $14::text[], $15::text[], $16::timestamptz[], $17::jsonb[], $18::jsonb[], $19::text[])
        AS told (trigger, source_id, customer_id, occurred_at, facts, traits, rules)
)
{_KEEP_AWARDS}
"""  # noqa: S608 (a constant of this module)
_KEEP = """
UPDATE awards SET kept = told.kept, forgiven = told.forgiven, entry_id = coalesce(awards.entry_id, told.entry_id)
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]) AS told (source_id, rule_id, kept, forgiven, entry_id)
WHERE (awards.trigger, awards.source_id, awards.rule_id) = ('order_placed', told.source_id, told.rule_id)
"""
_TAKE_BACK = "SELECT * FROM take_points_back($1, $2, $3, $4, $5, $6, NULL)"
_ADD_RETURNS = """
INSERT INTO occasion_returns (return_id, order_id, customer_id, returned_at, amount_minor, lines)
SELECT return_id, order_id, customer_id, returned_at, amount_minor, told.lines -> 'lines'
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::jsonb[])
    AS told (return_id, order_id, customer_id, returned_at, amount_minor, lines)
ON CONFLICT (return_id) DO NOTHING
"""
_RETURNS = """
SELECT return_id, order_id, customer_id, returned_at, amount_minor, lines, is_applied FROM occasion_returns
WHERE order_id = ANY ($1) ORDER BY place
"""
# Of an order that the default programme gave points for by its rate the ledger counts the returns by itself.
_APPLY = """
WITH counted AS (
    UPDATE occasion_returns SET is_applied = true WHERE return_id = ANY ($1) RETURNING *
), applied AS (
    SELECT counted.* FROM counted JOIN orders ON orders.order_id = counted.order_id WHERE rate_version = 0
), returned AS (
    INSERT INTO order_returns (return_id, order_id, amount_minor, returned_at)
    SELECT return_id, order_id, amount_minor, returned_at FROM applied WHERE amount_minor IS NOT NULL
)
UPDATE orders SET returned_minor = returned_minor + sums.amount_minor, cancelled_at = coalesce(orders.cancelled_at, sums.cancelled_at)
FROM (
    SELECT order_id, coalesce(sum(amount_minor), 0)::bigint AS amount_minor,
           min(returned_at) FILTER (WHERE amount_minor IS NULL) AS cancelled_at
    FROM applied GROUP BY order_id
) AS sums WHERE orders.order_id = sums.order_id
"""
_OCCASIONS = """
SELECT trigger, source_id, customer_id, occurred_at, facts, traits, rules FROM occasions
WHERE (trigger, source_id) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY source_id, programme_id
"""
_AWARDS = """
SELECT source_id, rule_id, rule_version, wallet, earned, allowed, kept, forgiven, periods, entry_id, programme_id FROM awards
WHERE trigger = 'order_placed' AND source_id = ANY ($1)
"""
_OF_ENTRY = """
SELECT awards.trigger, awards.source_id, rule_id, earned, allowed, occasions.customer_id, occasions.occurred_at, facts, traits, rules,
       entries.source_id AS entry_source
FROM awards JOIN occasions USING (trigger, source_id, programme_id) JOIN entries ON entries.id = entry_id WHERE entry_id = $1
"""
# The anniversaries of the last year that had rules on their day and are no occasions yet, in the programme's zone; 29 February is kept
# on the 28th.
_ANNIVERSARIES = """
SELECT customer_id, years, moment FROM members, programmes, LATERAL (
    SELECT extract(year FROM age($2 AT TIME ZONE zone, enrolled_at AT TIME ZONE zone))::int AS years
) AS passed, LATERAL (
    SELECT ((enrolled_at AT TIME ZONE zone) + make_interval(years => years)) AT TIME ZONE zone AS moment
) AS day
WHERE programmes.id = $1 AND closed_at IS NULL AND years > 0 AND EXISTS (
    SELECT FROM rules, LATERAL (
        SELECT terms, effective_until FROM rule_versions
        WHERE rule_id = rules.id AND effective_from <= moment ORDER BY effective_from DESC LIMIT 1
    ) AS latest
    WHERE programme_id = $1 AND terms ->> 'trigger' = 'anniversary' AND (effective_until IS NULL OR effective_until > moment)
) AND NOT EXISTS (
    SELECT FROM occasions WHERE trigger = 'anniversary' AND source_id = customer_id || ':' || years AND programme_id = $1
) ORDER BY customer_id LIMIT $3
"""

# Nobody minds an hour, and looking at everybody takes a moment.
_IS_TIME = "SELECT celebrated_at IS NULL OR celebrated_at < $2::timestamptz - interval '1 hour' FROM programmes WHERE id = $1"
_CELEBRATED = "UPDATE programmes SET celebrated_at = $2 WHERE id = $1"


class AwardRow(NamedTuple):
    """What a rule gave for an order, and what is left of it."""

    source_id: str
    rule_id: str
    rule_version: int
    wallet: str
    earned: int
    allowed: int | None
    kept: int
    forgiven: int
    periods: list[str]
    entry_id: str | None
    programme_id: str


class NewAward(NamedTuple):
    """What a rule gives for an occasion; `periods` holds `customer|period` of each limit."""

    trigger: str
    source_id: str
    programme_id: str
    rule_id: str
    rule_version: int
    wallet: str
    earned: int
    allowed: int | None
    kept: int
    periods: Sequence[str] | str
    entry_id: str | None


class HeardOrder(NamedTuple):
    """What is known of an order that is told.

    Attributes:
        order_id: its id.
        is_decided: whether members were given already what it earns.
        is_new: whether it earns by rules and was remembered just now.
        is_awaited: whether returns wait for it.
        seen_by: the programmes whose rules have seen it.
        is_put_off: whether there are points that activity keeps from expiring.
    """

    order_id: str
    is_decided: bool
    is_new: bool
    is_awaited: bool
    seen_by: Sequence[str]
    is_put_off: bool


class Taking(NamedTuple):
    """Points that are to be taken back from a lot."""

    lot_id: str
    points: int
    source_id: str
    order_id: str
    rule_version: str
    returned_at: datetime


async def lock(connection: Connection, programme_id: str, customer_ids: Sequence[str]) -> None:
    """Make the members that are missing and lock all of them, in one order."""
    await connection.execute(_LOCK, programme_id, sorted(set(customer_ids)))


async def lock_pools(connection: Connection, customer_ids: Sequence[str]) -> None:
    """Lock members with all whom taking points back from them can touch."""
    await connection.execute(_LOCK_POOLS, sorted(set(customer_ids)))


async def known(connection: Connection, order_ids: Sequence[str]) -> dict[str, int]:
    """Return the rate version of each order that is known; 0 when it earned by rules."""
    return {row["order_id"]: row["rate_version"] for row in await connection.fetch(_KNOWN, order_ids)}


async def hear_orders(
    connection: Connection, programme_id: str, orders: Sequence[OrderPlaced], ruled: Collection[str]
) -> dict[str, HeardOrder]:
    """Make the members that are missing, lock all, remember the orders that earn by rules, and return what is known of each order.

    Raises:
        ContradictingEvent: one of those that earn by rules is known with other facts.
    """
    with telling_contradictions():
        rows = await connection.fetch(
            _HEAR_ORDERS,
            programme_id,
            [o.order_id for o in orders],
            [o.customer_id for o in orders],
            [o.placed_at for o in orders],
            [o.amount_minor for o in orders],
            [o.order_id in ruled for o in orders],
        )
    return {row["order_id"]: HeardOrder(*row) for row in rows}


async def hear_occasions(connection: Connection, programme_id: str, occasions: Sequence[Occasion]) -> list[Sequence[str]]:
    """Make the members that are missing, lock all, and return the programmes that have seen each occasion already."""
    columns = [o.trigger for o in occasions], [o.source_id for o in occasions], [o.customer_id for o in occasions]
    return [row["seen_by"] for row in await connection.fetch(_HEAR_OCCASIONS, programme_id, *columns)]


async def traits(connection: Connection, of: Sequence[tuple[str, datetime]]) -> list[tuple[dict[str, Any], bool]]:
    """Return what is known of customers at moments, and whether nothing was bought before."""
    rows = await connection.fetch(_TRAITS, [customer for customer, _ in of], [moment for _, moment in of])
    return [(row["traits"], row["is_first"]) for row in rows]


async def keep_traits(connection: Connection, told: Sequence[tuple[str, dict[str, Any], datetime]]) -> None:
    """Keep what was told last of customers."""
    await connection.execute(_KEEP_TRAITS, [c for c, _, _ in told], [t for _, t, _ in told], [at for _, _, at in told])


async def keep_stages(connection: Connection, told: Sequence[tuple[str, str, str, datetime]]) -> None:
    """Keep the stage that was entered last on each track; a row is `(customer, track, stage, moment)`."""
    await connection.execute(_KEEP_STAGES, *transposed(told, width=4))


async def allot(connection: Connection, wanted: Sequence[tuple[int, str, str, str, int, int]]) -> dict[int, int]:
    """Return how much the limits allow of each item; a row is `(item, rule, customer, period, limit, wanted)`."""
    if not wanted:
        return {}
    return {row["item"]: row["allowed"] for row in await connection.fetch(_ALLOT, *transposed(wanted))}


async def give_back(connection: Connection, freed: Sequence[tuple[str, str, str, int]]) -> None:
    """Take what was taken back off the counters of limits; a row is `(rule, customer, period, points)`."""
    if freed:
        await connection.execute(_GIVE_BACK, *transposed(freed))


async def add_awards(connection: Connection, awards: Sequence[NewAward]) -> None:
    """Keep what rules gave for occasions that are known."""
    if awards:
        await connection.execute(_KEEP_AWARDS, *_columns(awards))


async def keep_decisions(
    connection: Connection, programme_id: str, occasions: Sequence[tuple[Occasion, Sequence[str]]], awards: Sequence[NewAward]
) -> None:
    """Keep occasions as a programme sees them, with the names of the rules in force, and what these gave."""
    told = [
        (o.trigger, o.source_id, o.customer_id, o.occurred_at, dict(o.facts), dict(o.traits), ",".join(names)) for o, names in occasions
    ]
    if told:
        await connection.execute(_KEEP_DECISIONS, *_columns(awards), programme_id, *transposed(told))


def _columns(awards: Sequence[NewAward]) -> Sequence[Sequence[Any]]:
    return transposed([award._replace(periods=",".join(award.periods)) for award in awards], len(NewAward._fields))


async def keep(connection: Connection, kept: Sequence[tuple[str, str, int, int, str | None]]) -> None:
    """Keep what is left of awards; a row is `(order, rule, kept, forgiven, entry)`."""
    if kept:
        await connection.execute(_KEEP, *transposed(kept))


async def take_back(connection: Connection, takings: Sequence[Taking]) -> list[asyncpg.Record]:
    """Take points back from lots as the policies of their programmes have it; the pools are locked. Return the entries made."""
    return await connection.fetch(_TAKE_BACK, *transposed(takings)) if takings else []


async def add_returns(connection: Connection, returns: Sequence[Back]) -> None:
    """Keep returns until their orders are there."""
    await connection.execute(
        _ADD_RETURNS,
        [r.return_id for r in returns],
        [r.order_id for r in returns],
        [r.customer_id for r in returns],
        [r.returned_at for r in returns],
        [r.amount_minor for r in returns],
        [{"lines": list(r.lines)} for r in returns],
    )


async def returns_of(connection: Connection, order_ids: Sequence[str]) -> list[tuple[Back, bool]]:
    """Return all returns of orders, as they were told, and whether each is applied."""
    return [(Back(*row[:6]), row["is_applied"]) for row in await connection.fetch(_RETURNS, order_ids)]


async def apply(connection: Connection, return_ids: Sequence[str]) -> None:
    """Count returns as returns of their orders."""
    if return_ids:
        await connection.execute(_APPLY, return_ids)


async def occasions_of(connection: Connection, order_ids: Sequence[str]) -> dict[str, list[tuple[Occasion, list[str]]]]:
    """Return orders as the rules of each programme saw them, with the names of the rules."""
    seen: dict[str, list[tuple[Occasion, list[str]]]] = {}
    for row in await connection.fetch(_OCCASIONS, ["order_placed"] * len(order_ids), order_ids):
        seen.setdefault(row["source_id"], []).append((_occasion(row), row["rules"]))
    return seen


async def awards_of(connection: Connection, order_ids: Sequence[str]) -> list[AwardRow]:
    """Return what rules gave for orders."""
    return [AwardRow(*row) for row in await connection.fetch(_AWARDS, order_ids)]


async def award_of_entry(connection: Connection, entry_id: str) -> tuple[asyncpg.Record, Occasion] | None:
    """Return the award that an entry posted and its occasion, or None."""
    row = await connection.fetchrow(_OF_ENTRY, entry_id)
    return (row, _occasion(row)) if row is not None else None


def _occasion(row: asyncpg.Record) -> Occasion:
    return Occasion(row["trigger"], row["source_id"], row["customer_id"], row["occurred_at"], row["facts"], row["traits"])


async def anniversaries(connection: Connection, programme_id: str, now: datetime, many: int) -> list[tuple[str, int, datetime]]:
    """Return up to so many anniversaries of enrolment that have come and were not looked at, as `(customer, years, moment)`."""
    return [tuple(row) for row in await connection.fetch(_ANNIVERSARIES, programme_id, now, many)]


async def is_time_to_celebrate(connection: Connection, programme_id: str, now: datetime) -> bool:
    """Return whether it is an hour since anniversaries were looked for."""
    return bool(await connection.fetchval(_IS_TIME, programme_id, now))


async def note_celebrated(connection: Connection, programme_id: str, now: datetime) -> None:
    """Keep that all anniversaries until a moment were looked at."""
    await connection.execute(_CELEBRATED, programme_id, now)
