"""Every query of challenges, what counts for them and who met them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
_ADD_ORDERS = """
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
_COUNT = """
INSERT INTO challenge_facts (challenge_id, source_id, customer_id, occurred_at, amount)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[])
ON CONFLICT (challenge_id, source_id) DO UPDATE SET amount = excluded.amount WHERE challenge_facts.amount <> excluded.amount
"""
_LOCK_ALL = "SELECT * FROM lock_challenges($1, $2)"
_COMPLETE = """
INSERT INTO challenge_completions (id, challenge_id, customer_id, number, completed_at, points, voucher_code)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (challenge_id, customer_id, number) DO UPDATE SET sequence = challenge_completions.sequence + 1, revoked_at = NULL,
    completed_at = excluded.completed_at, points = excluded.points, voucher_code = excluded.voucher_code, recorded_at = clock_timestamp()
RETURNING id, sequence
"""
_POSTED = "UPDATE challenge_completions SET entry_id = $2 WHERE id = $1"
_DATED = "UPDATE challenge_completions SET completed_at = $2 WHERE id = $1"
_REVOKE = """
UPDATE challenge_completions SET revoked_at = clock_timestamp(), sequence = sequence + 1 WHERE id = $1 AND revoked_at IS NULL
RETURNING id, challenge_id, customer_id, number, points, entry_id, voucher_code, sequence, revoked_at
"""
# What rules gave for a completion.
_AWARDED = """
SELECT entry_id, kept AS points, rule_id || '@' || rule_version AS rule FROM awards
WHERE trigger = 'challenge_completed' AND source_id = $1 AND entry_id IS NOT NULL
"""
# Whoever saw the code may have kept it.
_VOID = "UPDATE vouchers SET voided_at = clock_timestamp() WHERE code = $1 AND redeemed = 0 AND voided_at IS NULL"
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
    "challenge_facts": "DELETE FROM challenge_facts WHERE customer_id = ANY ($1)",
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


class ChallengeRow(NamedTuple):
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

    @property
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
    """A row of `lock_challenges`: a fact and its amount, or a completion and its number."""

    challenge_id: str
    root: str
    kind: str
    customer_id: str
    source_id: str
    moment: datetime
    amount: int
    sequence: int


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


async def add_orders(connection: Connection, orders: Sequence[Occasion]) -> None:
    """Keep orders as challenges saw them."""
    rows = [(o.source_id, o.customer_id, o.occurred_at, dict(o.facts), dict(o.traits)) for o in orders]
    if rows:
        await connection.execute(_ADD_ORDERS, *transposed(rows))


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


async def count(connection: Connection, counted: Sequence[Counted]) -> None:
    """Keep how much of events counts; what is told again of one replaces what was told."""
    if counted:
        await connection.execute(_COUNT, *transposed(counted))


async def lock_all(connection: Connection, challenge_ids: Sequence[str], customer_ids: Sequence[str]) -> list[Locked]:
    """Return what counts for challenges and was completed of them, by the families of customers, locked."""
    return [Locked(*row) for row in await connection.fetch(_LOCK_ALL, challenge_ids, customer_ids)]


async def complete(
    connection: Connection, challenge_id: str, customer_id: str, number: int, completed_at: datetime, points: int, voucher_code: str | None
) -> tuple[str, int]:
    """Keep that a challenge is met, for the first time or again after it was taken; return the completion and the number of its event."""
    values = (challenge_id, customer_id, number, completed_at, points, voucher_code)
    row = await connection.fetchrow(_COMPLETE, new_id("chc"), *values)
    assert row is not None
    return row["id"], row["sequence"]


async def posted(connection: Connection, completion_id: str, entry_id: str) -> None:
    """Keep which entry gave the points of a completion."""
    await connection.execute(_POSTED, completion_id, entry_id)


async def dated(connection: Connection, completion_id: str, completed_at: datetime) -> None:
    """Keep that a challenge was met at another moment than it had seemed."""
    await connection.execute(_DATED, completion_id, completed_at)


async def revoke(connection: Connection, completion_id: str) -> asyncpg.Record | None:
    """Take a completion; return it, or None when that was done before."""
    return await connection.fetchrow(_REVOKE, completion_id)


async def awarded(connection: Connection, source_id: str) -> list[asyncpg.Record]:
    """Return the entries that rules made for a completion."""
    return await connection.fetch(_AWARDED, source_id)


async def void_voucher(connection: Connection, code: str) -> None:
    """Let a code be worth nothing, unless it was used."""
    await connection.execute(_VOID, code)


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
