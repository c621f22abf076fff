"""Every query of referrals."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from asyncpg import Record

from loyalty.referrals.rules import Bought, Known, Verdict
from loyalty.relations.rules import Relation
from shared.database.pool import Connection
from shared.database.rows import affected, transposed
from shared.http.pagination import SortKey
from shared.ids import new_id

_SCHEME = "SELECT version, terms, created_by, created_at FROM referral_schemes"
_LATEST = f"{_SCHEME} ORDER BY version DESC LIMIT 1"
_ADD_SCHEME = """
INSERT INTO referral_schemes (version, terms, created_by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
RETURNING version, terms, created_by, created_at
"""

# The family's code is that of its root, who is asked for by any of his ids.
_CODE = """
SELECT code FROM referral_codes WHERE customer_id = ANY (family_of($1)) AND closed_at IS NULL
ORDER BY customer_id <> (family_of($1))[1], created_at, code LIMIT 1
"""
_ADD_CODE = """
INSERT INTO referral_codes (code, customer_id)
SELECT $2, $1 WHERE NOT EXISTS (SELECT FROM erased_customers WHERE customer_id = $1 FOR KEY SHARE)
ON CONFLICT DO NOTHING
"""
_OF_CODE = "SELECT code, customer_id, closed_at FROM referral_codes WHERE code = $1"
_COUNTS = """
SELECT state, count(*)::int AS count FROM referrals WHERE referrer_id = ANY (family_of($1)) GROUP BY state
"""
_EARNED = """
SELECT coalesce(sum(points), 0)::bigint FROM referral_rewards JOIN referrals ON referrals.id = referral_id
WHERE customer_id = ANY (family_of($1)) AND side = 'referrer' AND state = 'completed'
"""

# Referrals are made one after the other: each sees all that were made before, so neither loops nor doubles slip between two of them.
_IN_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('loyalty.referrals', 9))"
_SITUATION = """
SELECT score, shared, family_of($1) && family_of($2) AS is_same_person,
       EXISTS (
           SELECT FROM household_members AS own JOIN household_members AS other USING (household_id)
           WHERE own.customer_id = ANY (family_of($1)) AND other.customer_id = ANY (family_of($2))
             AND own.left_at IS NULL AND other.left_at IS NULL
       ) AS is_household,
       EXISTS (
           SELECT FROM household_members AS own JOIN household_members AS other USING (household_id)
           WHERE own.customer_id = ANY (family_of($1)) AND other.customer_id = ANY (family_of($2))
       ) AS was_household,
       EXISTS (SELECT FROM referrals WHERE referred_id = ANY (family_of($2))) AS is_referred,
       EXISTS (SELECT FROM referrers_above($1, $3) AS above WHERE above = ANY (family_of($2))) AS is_loop,
       EXISTS (
           SELECT FROM member_freezes WHERE customer_id = ANY (family_of($1)) AND unfrozen_at IS NULL
       ) AS is_frozen,
       (SELECT count(*)::int FROM referrals
        WHERE referrer_id = ANY (family_of($1)) AND created_at > clock_timestamp() - interval '1 day') AS last_day,
       clock_timestamp() AS now
FROM relation_of(family_of($1), family_of($2))
"""
_REFERRAL = """
id, version, code, referrer_id, referred_id, scheme_version, used_at, lapses_at, state, reason, suspicions, order_id, due_at,
completed_at, reversed_at, created_at
"""
_ADD = f"""
INSERT INTO referrals (id, code, referrer_id, referred_id, scheme_version, used_at, lapses_at, suspicions)
SELECT $1, $2, $3, $4, $5, $6, $7, $8
WHERE NOT EXISTS (SELECT FROM erased_customers WHERE customer_id IN ($3, $4) FOR KEY SHARE)
RETURNING {_REFERRAL}
"""  # noqa: S608 (names of columns only)
_GET = f"SELECT {_REFERRAL} FROM referrals WHERE id = $1"  # noqa: S608
_CLEAR = "UPDATE referrals SET cleared = ARRAY(SELECT unnest(cleared) UNION SELECT unnest($2::text[]) ORDER BY 1) WHERE id = $1"

# Everybody who is the same person as one of them, for a whole batch at once.
_FAMILIES = """ARRAY(
    WITH asked AS MATERIALIZED (SELECT DISTINCT id FROM unnest($1::text[]) AS id), roots AS MATERIALIZED (
        SELECT root_id FROM asked JOIN customer_links ON customer_id = id
    )
    SELECT id FROM asked UNION SELECT root_id FROM roots
    UNION SELECT customer_id FROM customer_links WHERE root_id IN (SELECT id FROM asked UNION ALL SELECT root_id FROM roots)
)"""
# Nothing is looked for as long as nobody was ever referred.
_TOUCHED = f"""
SELECT referrals.id, referred_id, terms ->> 'order_condition' IS NOT NULL AS has_condition
FROM referrals JOIN referral_schemes ON referral_schemes.version = scheme_version
WHERE EXISTS (SELECT FROM referrals) AND state <> ALL ($2::text[]) AND referred_id = ANY ({_FAMILIES})
ORDER BY referrals.id FOR UPDATE OF referrals
"""  # noqa: S608
_TOUCHED_EITHER = f"""
SELECT referrals.id FROM referrals, LATERAL (SELECT {_FAMILIES} AS ids OFFSET 0) AS families
WHERE state NOT IN ('refused', 'reversed') AND (referred_id = ANY (ids) OR referrer_id = ANY (ids)) ORDER BY referrals.id
"""  # noqa: S608
_LOCK = "SELECT id FROM referrals WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE"
_LAPSING = """
SELECT id FROM referrals WHERE state = 'pending' AND lapses_at <= $1 ORDER BY lapses_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
# Of what was bought all that can meet the condition, what has met it, and one order of before, which says that he was no new customer.
_KNOWN = """
SELECT referrals.id, state, used_at, lapses_at, order_id, suspicions, cleared, score, shared, referrer_id, referred_id, reason, due_at,
       told,
       terms,
       (SELECT min(enrolled_at) FROM members WHERE customer_id = ANY (family)) AS enrolled_at,
       EXISTS (SELECT FROM members WHERE customer_id IN (referrer_id, referred_id) AND closed_at IS NOT NULL) AS is_closed,
       referrer_id = ANY (family) AS is_same_person,
       coalesce((SELECT traits FROM customer_traits WHERE customer_id = referred_id), '{}') AS traits,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
           'order_id', told.order_id, 'placed_at', placed_at, 'amount_minor', amount_minor, 'returned_minor', returned_minor,
           'is_cancelled', cancelled_at IS NOT NULL, 'facts', coalesce(referral_orders.facts, '{}'),
           'segments', CASE WHEN terms ->> 'order_condition' IS NOT NULL THEN segments_at(referred_id, placed_at) ELSE '{}' END
       )), '[]') FROM (
           SELECT * FROM orders
           WHERE orders.customer_id = ANY (family) AND state <> 'completed' AND placed_at >= used_at AND placed_at <= lapses_at
           UNION SELECT * FROM orders WHERE orders.order_id = referrals.order_id
           UNION (SELECT * FROM orders WHERE orders.customer_id = ANY (family) AND placed_at < used_at LIMIT 1)
       ) AS told LEFT JOIN referral_orders USING (order_id)) AS orders,
       clock_timestamp() AS now
FROM referrals JOIN referral_schemes ON referral_schemes.version = scheme_version, family_of(referred_id) AS family,
     relation_of(family_of(referrer_id), family) AS relation
WHERE referrals.id = ANY ($1::text[]) ORDER BY referrals.id
"""
_MOVE = f"""
UPDATE referrals SET version = version + 1, state = $2, reason = $3, order_id = $4, due_at = $5, told = told + $6
WHERE id = $1 RETURNING {_REFERRAL}, told
"""  # noqa: S608
_MOVE_ALL = """
UPDATE referrals SET version = version + 1, state = told.state, reason = told.reason, order_id = told.order_id, due_at = told.due_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) AS told (id, state, reason, order_id, due_at)
WHERE referrals.id = told.id
"""
_KEEP_ORDERS = """
INSERT INTO referral_orders (order_id, customer_id, facts)
SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[]) ON CONFLICT DO NOTHING
"""
_ZONE = "SELECT zone FROM programmes WHERE id = $1"

# Looked at without a lock: whoever hears of an order holds its member before its referral, and so does whoever settles.
_DUE = "SELECT id, referrer_id, referred_id FROM referrals WHERE state = 'qualified' AND due_at <= $1 ORDER BY due_at LIMIT $2"
_LOCK_DUE = f"""
SELECT {_REFERRAL}, told, (SELECT terms FROM referral_schemes WHERE referral_schemes.version = scheme_version) AS terms
FROM referrals WHERE id = ANY ($1::text[]) AND state = 'qualified' AND due_at <= $2 ORDER BY id FOR UPDATE
"""  # noqa: S608
_REVERSING = "SELECT id, referrer_id, referred_id FROM referrals WHERE state = 'reversing' ORDER BY id LIMIT $1"
_LOCK_REVERSING = f"""
SELECT {_REFERRAL}, told FROM referrals WHERE id = ANY ($1::text[]) AND state = 'reversing' ORDER BY id FOR UPDATE
"""  # noqa: S608
_COMPLETED_SINCE = """
SELECT count(*)::int FROM referrals
WHERE referrer_id = ANY (family_of($1)) AND state = 'completed' AND reason IS NULL AND due_at >= $2 AND due_at < $3
"""
_COMPLETE = f"""
UPDATE referrals SET version = version + 1, told = told + 1, state = 'completed', reason = $2, completed_at = clock_timestamp()
WHERE id = $1 RETURNING {_REFERRAL}, told
"""  # noqa: S608
_REVERSE = f"""
UPDATE referrals SET version = version + 1, told = told + 1, state = 'reversed', reversed_at = clock_timestamp()
WHERE id = $1 RETURNING {_REFERRAL}, told
"""  # noqa: S608
_ADD_REWARDS = """
INSERT INTO referral_rewards (referral_id, side, kind, subject_id, customer_id, points)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]) ON CONFLICT DO NOTHING
"""
_REWARDS = "SELECT referral_id, side, kind, subject_id, customer_id, points FROM referral_rewards WHERE referral_id = ANY ($1::text[])"
_OF_RULES = """
SELECT source_id, entry_id, kept FROM awards
WHERE trigger = 'referral_completed' AND source_id = ANY ($1::text[]) AND entry_id IS NOT NULL
"""
# Of a wallet that is gone nothing is left to take.
_LEFT = """
SELECT entries.id, entries.customer_id, entries.points, entries.rule_version FROM entries JOIN members USING (customer_id)
WHERE entries.id = ANY ($1::text[]) AND closed_at IS NULL
"""
_VOID_CODES = """
UPDATE vouchers SET voided_at = clock_timestamp() WHERE code = ANY ($1::text[]) AND redeemed = 0 AND voided_at IS NULL
"""
_FROZEN = """
SELECT customer FROM unnest($1::text[]) AS customer WHERE EXISTS (
    SELECT FROM member_freezes WHERE customer_id = ANY (family_of(customer)) AND unfrozen_at IS NULL
)
"""
_SUSPECT = "UPDATE referrals SET suspicions = $2, version = version + 1 WHERE id = $1"

_CLOSE_CODES = "UPDATE referral_codes SET closed_at = clock_timestamp() WHERE customer_id = ANY ($1) AND closed_at IS NULL"
_FORGET_ORDERS = "DELETE FROM referral_orders WHERE customer_id = ANY ($1)"
_COLLECT: Mapping[str, str] = {
    "referral_codes": "SELECT code, customer_id, created_at FROM referral_codes WHERE customer_id = ANY ($1)",
    # Whom he referred, and who referred him, is not his to see.
    "referrals": """
        SELECT id, CASE WHEN referrer_id = ANY ($1) THEN 'referrer' ELSE 'referred' END AS side, state, used_at, completed_at, reversed_at
        FROM referrals WHERE referrer_id = ANY ($1) OR referred_id = ANY ($1) ORDER BY used_at
    """,
    "referral_orders": "SELECT order_id, facts FROM referral_orders WHERE customer_id = ANY ($1)",
    "referral_rewards": "SELECT referral_id, side, kind, points FROM referral_rewards WHERE customer_id = ANY ($1)",
}


# Nothing that is told changes these any more.
FINISHED = ("refused", "reversed")
# No order that is told changes these.
REWARDED = (*FINISHED, "completed", "reversing")


class Situation(NamedTuple):
    """How two customers stand to each other when one refers the other."""

    score: int | None
    shared: Sequence[str]
    is_same_person: bool
    is_household: bool
    was_household: bool
    is_referred: bool
    is_loop: bool
    is_frozen: bool
    last_day: int
    now: datetime

    @property
    def relation(self) -> Relation:
        """How they relate besides households and merges."""
        return Relation(self.score, self.shared)


class Standing(NamedTuple):
    """A referral, the terms that count for it, and what is known of it."""

    row: Record
    terms: Mapping[str, Any]
    known: Known


async def scheme(connection: Connection) -> Record:
    """Return the scheme that counts now."""
    return _one(await connection.fetchrow(_LATEST))


async def add_scheme(connection: Connection, version: int, terms: Mapping[str, Any], caller: str) -> Record | None:
    """Add a version of the scheme; None when somebody else did at the same time."""
    return await connection.fetchrow(_ADD_SCHEME, version, terms, caller)


async def code_of(connection: Connection, customer_id: str) -> str | None:
    """Return the code of a member or his family."""
    return await connection.fetchval(_CODE, customer_id)


async def add_code(connection: Connection, customer_id: str, code: str) -> None:
    """Give a member a code, unless he has one."""
    await connection.execute(_ADD_CODE, customer_id, code)


async def of_code(connection: Connection, code: str) -> Record | None:
    """Return whose code it is."""
    return await connection.fetchrow(_OF_CODE, code)


async def counts(connection: Connection, customer_id: str) -> tuple[dict[str, int], int]:
    """Return how many a member referred, by state, and the points that he got for it."""
    rows = await connection.fetch(_COUNTS, customer_id)
    return {row["state"]: row["count"] for row in rows}, await connection.fetchval(_EARNED, customer_id) or 0


async def in_turn(connection: Connection) -> None:
    """Wait for everybody who makes a referral, and hold others off until this transaction ends."""
    await connection.execute(_IN_TURN)


async def situation(connection: Connection, referrer_id: str, referred_id: str, steps: int) -> Situation:
    """Return how two customers stand to each other; loops are looked for so many steps up."""
    return Situation(*_one(await connection.fetchrow(_SITUATION, referrer_id, referred_id, steps)))


async def add(connection: Connection, values: Sequence[Any]) -> Record | None:
    """Add a referral; None when one of the two was erased.

    Args:
        connection: inside the caller's transaction.
        values: code, referrer, referred, version of the scheme, when the code was used, until when the condition can be met, suspicions.
    """
    return await connection.fetchrow(_ADD, new_id("rfl"), *values)


async def get(connection: Connection, referral_id: str) -> Record | None:
    """Return a referral."""
    return await connection.fetchrow(_GET, referral_id)


async def touched(connection: Connection, customer_ids: Sequence[str], *, settled: Collection[str] = FINISHED) -> list[Record]:
    """Return the referrals of those who were referred, locked: their ids, whom, and whether conditions look at his orders.

    Args:
        connection: of the caller.
        customer_ids: who may have been referred.
        settled: states that what was told cannot change.
    """
    return await connection.fetch(_TOUCHED, customer_ids, list(settled))


async def touched_either(connection: Connection, customer_ids: Sequence[str]) -> list[str]:
    """Return the referrals of those who referred or were referred, locked."""
    found = [row["id"] for row in await connection.fetch(_TOUCHED_EITHER, customer_ids)]
    return [row["id"] for row in await connection.fetch(_LOCK, found)] if found else []


async def lapsing(connection: Connection, now: datetime, many: int) -> list[str]:
    """Return referrals whose time is over, locked."""
    return [row["id"] for row in await connection.fetch(_LAPSING, now, many)]


async def standing(connection: Connection, referral_ids: Sequence[str]) -> list[Standing]:
    """Return what is known of referrals."""
    return [Standing(row, row["terms"], _known(row)) for row in await connection.fetch(_KNOWN, referral_ids)]


async def move(connection: Connection, referral_id: str, to: Verdict, *, is_told: bool) -> Record:
    """Note where a referral stands; with `told`, the number of the event that tells of it."""
    return _one(await connection.fetchrow(_MOVE, referral_id, to.state, to.reason, to.order_id, to.due_at, int(is_told)))


async def move_all(connection: Connection, moved: Sequence[tuple[str, Verdict]]) -> None:
    """Note where referrals stand, which nobody is told."""
    if moved:
        rows = [(referral_id, to.state, to.reason, to.order_id, to.due_at) for referral_id, to in moved]
        await connection.execute(_MOVE_ALL, *transposed(rows))


async def clear(connection: Connection, referral_id: str, suspicions: Sequence[str]) -> None:
    """Note that somebody looked at these suspicions and found nothing."""
    await connection.execute(_CLEAR, referral_id, suspicions)


async def suspect(connection: Connection, referral_id: str, why: Sequence[str]) -> None:
    """Note all suspicions that there are."""
    await connection.execute(_SUSPECT, referral_id, why)


async def zone(connection: Connection, programme_id: str) -> str:
    """Return the zone of a programme."""
    return str(await connection.fetchval(_ZONE, programme_id))


async def keep_orders(connection: Connection, orders: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
    """Keep what conditions look at of the orders of those who were referred."""
    await connection.execute(_KEEP_ORDERS, *transposed(orders))


async def due(connection: Connection, now: datetime, many: int) -> list[Record]:
    """Return referrals that are to be rewarded: the ids of each and of its two members."""
    return await connection.fetch(_DUE, now, many)


async def lock_due(connection: Connection, referral_ids: Sequence[str], now: datetime) -> list[Record]:
    """Return those of the referrals that are still to be rewarded, with their terms, locked; their members are locked already."""
    return await connection.fetch(_LOCK_DUE, referral_ids, now)


async def reversing(connection: Connection, many: int) -> list[Record]:
    """Return referrals whose rewards are to be taken back: the ids of each and of its two members."""
    return await connection.fetch(_REVERSING, many)


async def lock_reversing(connection: Connection, referral_ids: Sequence[str]) -> list[Record]:
    """Return those of the referrals whose rewards are still to be taken back, locked; their members are locked already."""
    return await connection.fetch(_LOCK_REVERSING, referral_ids)


async def completed_between(connection: Connection, referrer_id: str, start: datetime, end: datetime) -> int:
    """Return how many referrals of a member were rewarded in a period."""
    return await connection.fetchval(_COMPLETED_SINCE, referrer_id, start, end) or 0


async def complete(connection: Connection, referral_id: str, reason: str | None) -> Record:
    """Note that a referral is rewarded; with a reason, of the referred one only."""
    return _one(await connection.fetchrow(_COMPLETE, referral_id, reason))


async def reverse(connection: Connection, referral_id: str) -> Record:
    """Note that the rewards of a referral were taken back."""
    return _one(await connection.fetchrow(_REVERSE, referral_id))


async def add_rewards(connection: Connection, rewards: Sequence[tuple[str, str, str, str, str, int | None]]) -> None:
    """Keep what was given: referral, side, kind, what exactly, to whom, how many points."""
    if rewards:
        await connection.execute(_ADD_REWARDS, *transposed(rewards))


async def rewards(connection: Connection, referral_ids: Sequence[str]) -> list[Record]:
    """Return what was given for referrals."""
    return await connection.fetch(_REWARDS, referral_ids)


async def given_by_rules(connection: Connection, sources: Sequence[str]) -> list[Record]:
    """Return the entries that rules made for completed referrals."""
    return await connection.fetch(_OF_RULES, sources)


async def entries(connection: Connection, entry_ids: Sequence[str]) -> list[Record]:
    """Return entries of members who are still there."""
    return await connection.fetch(_LEFT, entry_ids)


async def void_codes(connection: Connection, codes: Sequence[str]) -> None:
    """Let codes that were not used be worth nothing."""
    await connection.execute(_VOID_CODES, codes)


async def frozen_among(connection: Connection, customer_ids: Sequence[str]) -> set[str]:
    """Return those of the members who are frozen."""
    return {row["customer"] for row in await connection.fetch(_FROZEN, customer_ids)}


def page_statement(filters: Sequence[str]) -> str:
    """Return the statement of a page of referrals, newest first."""
    wanted = "".join(f" AND {name} = ${number}" for number, name in enumerate(filters, 4))
    return f"SELECT {_REFERRAL} FROM referrals WHERE (created_at, id) < ($2, $3){wanted} ORDER BY created_at DESC, id DESC LIMIT $1"  # noqa: S608


async def page(connection: Connection, fetch: int, after: SortKey, filters: Mapping[str, str]) -> list[Record]:
    """Return referrals, newest first; filters: columns and the values that they must have."""
    return await connection.fetch(page_statement(tuple(filters)), fetch, *after, *filters.values())


async def forget(connection: Connection, customer_ids: Sequence[str]) -> dict[str, int]:
    """Close the codes of customers and delete what conditions looked at; return how much, by kind of record."""
    return {
        "referral_codes": affected(await connection.execute(_CLOSE_CODES, customer_ids)),
        "referral_orders": affected(await connection.execute(_FORGET_ORDERS, customer_ids)),
    }


async def collect(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is kept of customers, by kind of record."""
    return {name: [dict(row) for row in await connection.fetch(statement, customer_ids)] for name, statement in _COLLECT.items()}


def _known(row: Record) -> Known:
    orders = [Bought(**{**order, "placed_at": datetime.fromisoformat(order["placed_at"])}) for order in row["orders"]]
    names = (
        "state",
        "used_at",
        "lapses_at",
        "order_id",
        "enrolled_at",
        "is_closed",
        "is_same_person",
        "suspicions",
        "cleared",
        "traits",
        "now",
    )
    return Known(orders=orders, relation=Relation(row["score"], row["shared"]), **{name: row[name] for name in names})


def _one(row: Record | None) -> Record:
    assert row is not None
    return row
