"""Every query of challenges, what counts for them and who met them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from loyalty.challenges.rules import Challenge
from loyalty.earning.rules import Back
from loyalty.rules.rules import Occasion
from shared.database.pool import Connection
from shared.database.rows import affected, transposed
from shared.http.pagination import SortKey
from shared.ids import new_id

_VIEW = """
SELECT challenges.id, programme_id, challenges.version, challenges.name, description, terms, challenges.starts_at, challenges.ends_at,
       challenges.created_at, zone
FROM challenges JOIN programmes ON programmes.id = programme_id
"""
_PAGE = f"{_VIEW} WHERE programme_id = $1 AND (challenges.created_at, challenges.id) > ($3, $4) ORDER BY created_at, challenges.id LIMIT $2"
_FIND = f"{_VIEW} WHERE challenges.id = $1"
_LIVE = f"""
{_VIEW} WHERE challenges.starts_at <= $2 AND (challenges.ends_at IS NULL OR challenges.ends_at > $1) AND coalesce(
    terms -> 'goal' ->> 'trigger', 'order_placed'
) = $3
"""
# What runs now, and what he has begun.
_OF_MEMBER = f"""
{_VIEW} WHERE programme_id = $1 AND (challenges.created_at, challenges.id) > ($4, $5) AND (
    (challenges.starts_at <= clock_timestamp() AND (challenges.ends_at IS NULL OR challenges.ends_at > clock_timestamp()))
    OR EXISTS (SELECT FROM challenge_facts WHERE challenge_id = challenges.id AND customer_id = ANY (family_of($2)))
) ORDER BY created_at, challenges.id LIMIT $3
"""
_STREAKS = f"{_VIEW} WHERE programme_id = $1 AND terms -> 'goal' ->> 'kind' = 'streak' ORDER BY created_at, challenges.id LIMIT $2"
_INSERT = """
INSERT INTO challenges (id, programme_id, name, description, terms, starts_at, ends_at)
VALUES ($1, $2, $3, $4, $5, coalesce($6, clock_timestamp()), $7)
"""
_LOCK = "SELECT version FROM challenges WHERE id = $1 FOR UPDATE"
_CHANGE = """
UPDATE challenges SET version = version + 1,
    name = CASE WHEN $2 ? 'name' THEN $2 -> 'name' ELSE name END,
    description = CASE WHEN $2 ? 'description' THEN nullif($2 -> 'description', 'null') ELSE description END,
    ends_at = CASE WHEN $2 ? 'ends_at' THEN ($2 ->> 'ends_at')::timestamptz ELSE ends_at END
WHERE id = $1
"""
# Tells which of them were known already, or came back before they came.
_ADD_ORDERS = """
WITH told AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::jsonb[], $5::jsonb[])
        AS told (order_id, customer_id, placed_at, facts, traits)
), added AS (
    INSERT INTO challenge_orders (order_id, customer_id, placed_at, facts, traits) SELECT * FROM told ON CONFLICT DO NOTHING
)
SELECT order_id FROM told WHERE EXISTS (SELECT FROM challenge_orders WHERE challenge_orders.order_id = told.order_id)
    OR EXISTS (SELECT FROM challenge_returns WHERE challenge_returns.order_id = told.order_id)
"""
_ORDERS = """
INSERT INTO challenge_orders (order_id, customer_id, placed_at, facts, traits)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::jsonb[], $5::jsonb[]) ON CONFLICT DO NOTHING
"""
_ORDERS = "SELECT order_id, customer_id, placed_at, facts, traits FROM challenge_orders WHERE order_id = ANY ($1)"
_ADD_RETURNS = """
INSERT INTO challenge_returns (return_id, order_id, customer_id, returned_at, amount_minor, lines)
SELECT return_id, order_id, customer_id, returned_at, amount_minor, told.lines -> 'lines'
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::jsonb[])
    AS told (return_id, order_id, customer_id, returned_at, amount_minor, lines)
ON CONFLICT DO NOTHING
"""
_RETURNS = "SELECT return_id, order_id, customer_id, returned_at, amount_minor, lines FROM challenge_returns WHERE order_id = ANY ($1)"
_COUNT = "SELECT * FROM count_challenges($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
# How far families are now, and what they have met: for the first time, or again after it was taken.
_KEEP = """
WITH tallied AS (
    UPDATE challenge_locks SET tally = told.tally
    FROM unnest($1::text[], $2::text[], $3::jsonb[]) AS told (challenge_id, customer_id, tally)
    WHERE (challenge_locks.challenge_id, challenge_locks.customer_id) = (told.challenge_id, told.customer_id)
      AND challenge_locks.tally IS DISTINCT FROM told.tally
)
INSERT INTO challenge_completions (id, challenge_id, customer_id, number, completed_at, points, voucher_code)
SELECT * FROM unnest($4::text[], $5::text[], $6::text[], $7::int[], $8::timestamptz[], $9::bigint[], $10::text[])
ON CONFLICT (challenge_id, customer_id, number) DO UPDATE SET sequence = challenge_completions.sequence + 1, revoked_at = NULL,
    completed_at = excluded.completed_at, points = excluded.points, voucher_code = excluded.voucher_code, recorded_at = clock_timestamp()
RETURNING challenge_id, customer_id, number, id, sequence
"""
_GIVE_CODES = """
WITH free AS (
    SELECT code, row_number() OVER (ORDER BY code) AS place FROM (
        SELECT code FROM vouchers WHERE batch_id = $1 AND customer_id IS NULL AND redeemed = 0 AND voided_at IS NULL
        ORDER BY code LIMIT cardinality($2::text[]) FOR NO KEY UPDATE SKIP LOCKED
    ) AS taken
)
UPDATE vouchers SET customer_id = wanted.customer_id
FROM free JOIN unnest($2::text[]) WITH ORDINALITY AS wanted (customer_id, place) USING (place)
WHERE vouchers.code = free.code RETURNING place, vouchers.code
"""
_POSTED = """
UPDATE challenge_completions SET entry_id = told.entry_id FROM unnest($1::text[], $2::text[]) AS told (id, entry_id)
WHERE challenge_completions.id = told.id
"""
_DATED = """
UPDATE challenge_completions SET completed_at = told.completed_at FROM unnest($1::text[], $2::timestamptz[]) AS told (id, completed_at)
WHERE challenge_completions.id = told.id
"""
_REVOKE = """
UPDATE challenge_completions SET revoked_at = clock_timestamp(), sequence = sequence + 1 WHERE id = ANY ($1) AND revoked_at IS NULL
RETURNING id, challenge_id, customer_id, number, points, entry_id, voucher_code, sequence
"""
# What rules gave for completions.
_AWARDED = """
SELECT source_id, entry_id, kept AS points, rule_id || '@' || rule_version AS rule FROM awards
WHERE trigger = 'challenge_completed' AND source_id = ANY ($1) AND entry_id IS NOT NULL ORDER BY source_id, rule_id
"""
# Whoever saw the code may have kept it.
_VOID = "UPDATE vouchers SET voided_at = clock_timestamp() WHERE code = ANY ($1) AND redeemed = 0 AND voided_at IS NULL"
_FACTS = """
SELECT challenge_id, occurred_at, source_id, amount FROM challenge_facts
WHERE customer_id = ANY (family_of($2)) AND challenge_id = ANY ($1) AND amount > 0
"""
_COMPLETED = """
SELECT challenge_id, count(*) AS times, max(completed_at) AS last_at FROM challenge_completions
WHERE customer_id = ANY (family_of($2)) AND challenge_id = ANY ($1) AND revoked_at IS NULL GROUP BY 1
"""
_BEGUN = "SELECT DISTINCT challenge_id FROM challenge_facts WHERE customer_id = ANY ($1)"
_BY_IDS = f"{_VIEW} WHERE challenges.id = ANY ($1)"
_ERASE: Mapping[str, str] = {
    "challenge_orders": "DELETE FROM challenge_orders WHERE customer_id = ANY ($1)",
    "challenge_returns": "DELETE FROM challenge_returns WHERE customer_id = ANY ($1)",
    "challenge_facts": """
        WITH counted AS (
            UPDATE challenge_locks SET tally = NULL WHERE challenge_id IN (SELECT id FROM challenges)
              AND customer_id IN (SELECT unnest(family_of(id)) FROM unnest($1::text[]) AS id)
        )
        DELETE FROM challenge_facts WHERE customer_id = ANY ($1)
    """,
    "challenge_completions": """
        UPDATE challenge_completions SET voucher_code = NULL WHERE customer_id = ANY ($1) AND voucher_code IS NOT NULL
    """,
}
_COLLECT: Mapping[str, str] = {
    "challenge_orders": "SELECT order_id, customer_id, placed_at, facts, traits FROM challenge_orders WHERE customer_id = ANY ($1)",
    "challenge_facts": """
        SELECT challenge_id, source_id, customer_id, occurred_at, amount FROM challenge_facts
        WHERE customer_id = ANY ($1) ORDER BY occurred_at, source_id
    """,
    "challenge_completions": """
        SELECT id, challenge_id, customer_id, number, completed_at, points, voucher_code, revoked_at FROM challenge_completions
        WHERE customer_id = ANY ($1) ORDER BY completed_at, id
    """,
}
_FIRST = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class ChallengeRow:
    """A challenge as it is kept."""

    id: str
    programme_id: str
    version: int
    name: dict[str, str]
    description: dict[str, str] | None
    terms: dict[str, Any]
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    zone: str

    @cached_property
    def rule(self) -> Challenge:
        """What is to be done."""
        goal = self.terms["goal"]
        return Challenge(
            self.id,
            self.programme_id,
            goal.get("trigger", "order_placed"),
            goal["kind"],
            goal["target"],
            self.starts_at,
            self.ends_at,
            ZoneInfo(self.zone),
            condition=self.terms["condition"],
            skus=frozenset(goal.get("skus", ())),
            categories=frozenset(goal.get("categories", ())),
            within_days=goal.get("within_days"),
            unit=goal.get("unit", "day"),
            grace=goal.get("grace", 0),
            max_times=self.terms["max_times"],
        )


class Locked(NamedTuple):
    """A row of `count_challenges`: a challenge and a family with its tally, a fact with its amount, or a completion with its number."""

    challenge_id: str
    root: str
    kind: str
    customer_id: str
    source_id: str
    moment: datetime
    amount: int
    tally: dict[str, Any] | None


class Completed(NamedTuple):
    """A challenge that a family has met; `number` counts those of the family."""

    challenge: ChallengeRow
    customer_id: str
    number: int
    at: datetime


class Counted(NamedTuple):
    """How much of an event counts for a challenge."""

    challenge_id: str
    source_id: str
    customer_id: str
    occurred_at: datetime
    amount: int


async def page(connection: Connection, programme_id: str, limit: int, after: SortKey | None) -> list[ChallengeRow]:
    """Return challenges in the order of their making, those after `(created_at, id)`."""
    return [ChallengeRow(*row) for row in await connection.fetch(_PAGE, programme_id, limit, *(after or (_FIRST, "")))]


async def find(connection: Connection, challenge_id: str) -> ChallengeRow | None:
    """Return a challenge, or None."""
    row = await connection.fetchrow(_FIND, challenge_id)
    return ChallengeRow(*row) if row is not None else None


async def live(connection: Connection, trigger: str, first: datetime, last: datetime) -> list[ChallengeRow]:
    """Return the challenges that look at such events between two moments."""
    return [ChallengeRow(*row) for row in await connection.fetch(_LIVE, first, last, trigger)]


async def begun(connection: Connection, customer_ids: Sequence[str]) -> list[ChallengeRow]:
    """Return the challenges for which anything of customers counts."""
    ids = [row["challenge_id"] for row in await connection.fetch(_BEGUN, customer_ids)]
    return [ChallengeRow(*row) for row in await connection.fetch(_BY_IDS, ids)] if ids else []


async def of_member(connection: Connection, programme_id: str, customer_id: str, limit: int, after: SortKey | None) -> list[ChallengeRow]:
    """Return the challenges that run now and those that a member has begun, those after `(created_at, id)`."""
    rows = await connection.fetch(_OF_MEMBER, programme_id, customer_id, limit, *(after or (_FIRST, "")))
    return [ChallengeRow(*row) for row in rows]


async def streaks(connection: Connection, programme_id: str, limit: int) -> list[ChallengeRow]:
    """Return the challenges that count streaks."""
    return [ChallengeRow(*row) for row in await connection.fetch(_STREAKS, programme_id, limit)]


async def insert(connection: Connection, challenge_id: str, programme_id: str, draft: Mapping[str, Any], terms: Mapping[str, Any]) -> None:
    """Keep a new challenge."""
    values = (draft["name"], draft["description"], terms, draft["starts_at"], draft["ends_at"])
    await connection.execute(_INSERT, challenge_id, programme_id, *values)


async def lock(connection: Connection, challenge_id: str) -> int | None:
    """Return the version of a challenge, locked; None when there is none."""
    return await connection.fetchval(_LOCK, challenge_id)


async def change(connection: Connection, challenge_id: str, changes: Mapping[str, Any]) -> None:
    """Change the fields named of a challenge."""
    await connection.execute(_CHANGE, challenge_id, dict(changes))


async def add_orders(connection: Connection, orders: Sequence[Occasion]) -> set[str]:
    """Keep orders as challenges saw them; return the ids of those that were known already, or of which anything came back."""
    rows = [(o.source_id, o.customer_id, o.occurred_at, dict(o.facts), dict(o.traits)) for o in orders]
    return {row["order_id"] for row in await connection.fetch(_ADD_ORDERS, *transposed(rows, 5))}


async def orders(connection: Connection, order_ids: Sequence[str]) -> list[Occasion]:
    """Return orders as challenges saw them."""
    rows = await connection.fetch(_ORDERS, order_ids)
    return [Occasion("order_placed", *row) for row in rows]


async def add_returns(connection: Connection, returns: Sequence[Back]) -> None:
    """Keep what came back."""
    rows = [(r.return_id, r.order_id, r.customer_id, r.returned_at, r.amount_minor, {"lines": list(r.lines)}) for r in returns]
    await connection.execute(_ADD_RETURNS, *transposed(rows))


async def returns_of(connection: Connection, order_ids: Sequence[str]) -> list[Back]:
    """Return what came back of orders."""
    return [Back(*row) for row in await connection.fetch(_RETURNS, order_ids)]


async def count(
    connection: Connection, programme_id: str, challenges: Sequence[ChallengeRow], counted: Sequence[Counted], moved: Sequence[str] = ()
) -> list[Locked]:
    """Keep how much of events counts, and return what is to be counted of the families for which that is news; they are locked.

    Args:
        connection: of the caller.
        programme_id: of the wallets that members who are missing are made with.
        challenges: those that look at the events.
        counted: each challenge and event once; what is told again of an event replaces what was told.
        moved: customers who belong to other families now: these are to be counted anew.
    """
    zones = [challenge.zone for challenge in challenges]
    near_days = [challenge.rule.within_days for challenge in challenges]
    columns = transposed(counted, len(Counted._fields))
    rows = await connection.fetch(_COUNT, programme_id, [one.id for one in challenges], zones, near_days, *columns, list(moved))
    return [Locked(*row) for row in rows]


async def keep(
    connection: Connection,
    tallies: Sequence[tuple[str, str, dict[str, Any] | None]],
    completed: Sequence[Completed],
    codes: Sequence[str | None],
) -> list[tuple[str, int]]:
    """Keep how far families are, as `(challenge, family, tally)`, and what they have met; return its id and the number of its event."""
    rows = [
        (new_id("chc"), one.challenge.id, one.customer_id, one.number, one.at, one.challenge.terms["reward"]["points"], code)
        for one, code in zip(completed, codes, strict=True)
    ]
    kept = {
        tuple(row[:3]): (row["id"], row["sequence"]) for row in await connection.fetch(_KEEP, *transposed(tallies, 3), *transposed(rows, 7))
    }
    return [kept[one.challenge.id, one.customer_id, one.number] for one in completed]


async def give_codes(connection: Connection, batch_id: str, customer_ids: Sequence[str]) -> list[str | None]:
    """Give each of customers a code of a batch that nobody has, as long as there are any."""
    given = {row["place"]: row["code"] for row in await connection.fetch(_GIVE_CODES, batch_id, customer_ids)}
    return [given.get(place) for place in range(1, len(customer_ids) + 1)]


async def posted(connection: Connection, entries: Sequence[tuple[str, str]]) -> None:
    """Keep which entries gave the points of completions."""
    if entries:
        await connection.execute(_POSTED, *transposed(entries))


async def dated(connection: Connection, moments: Sequence[tuple[str, datetime]]) -> None:
    """Keep that challenges were met at other moments than it had seemed."""
    if moments:
        await connection.execute(_DATED, *transposed(moments))


async def revoke(connection: Connection, completion_ids: Sequence[str]) -> dict[str, asyncpg.Record]:
    """Take completions; return those that were not taken before, by id."""
    return {row["id"]: row for row in await connection.fetch(_REVOKE, completion_ids)}


async def awarded(connection: Connection, source_ids: Sequence[str]) -> list[asyncpg.Record]:
    """Return the entries that rules made for completions."""
    return await connection.fetch(_AWARDED, source_ids)


async def void_vouchers(connection: Connection, codes: Sequence[str]) -> None:
    """Let codes be worth nothing, unless they were used."""
    if codes:
        await connection.execute(_VOID, codes)


async def facts_of(connection: Connection, challenge_ids: Sequence[str], customer_id: str) -> list[asyncpg.Record]:
    """Return what counts for challenges of a member and his family."""
    return await connection.fetch(_FACTS, challenge_ids, customer_id)


async def completed(connection: Connection, challenge_ids: Sequence[str], customer_id: str) -> dict[str, tuple[int, datetime]]:
    """Return how often a member and his family have met challenges, and when last."""
    rows = await connection.fetch(_COMPLETED, challenge_ids, customer_id)
    return {row["challenge_id"]: (row["times"], row["last_at"]) for row in rows}


async def erase(connection: Connection, customer_ids: list[str]) -> dict[str, int]:
    """Delete what counted for erased customers; return how much, by kind of record."""
    counts = {name: await connection.execute(statement, customer_ids) for name, statement in _ERASE.items()}
    return {name: affected(tag) for name, tag in counts.items()}


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what counted for customers and what they have met, by kind of record."""
    return {name: [dict(row) for row in await connection.fetch(statement, customer_ids)] for name, statement in _COLLECT.items()}
