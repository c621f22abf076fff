"""Every query of policies of expiry, of what expires when, and of reminders."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from shared.database.pool import Connection
from shared.http.pagination import SortKey

_COLUMNS = "version, kind, unit, units, zone, exempt_tiers, reminder_days, effective_from"
_ALL = f"SELECT {_COLUMNS} FROM expiry_policies WHERE programme_id = $1 ORDER BY effective_from DESC LIMIT 100"  # noqa: S608 (a constant)
_LOCK = "SELECT zone FROM programmes WHERE id = $1 FOR UPDATE"
_EARNED_SINCE = """
SELECT EXISTS (SELECT FROM lots JOIN accounts ON accounts.id = account_id WHERE programme_id = $1 AND NOT is_overdraft AND earned_at >= $2)
"""
_UNKNOWN_TIER = """
SELECT place - 1 FROM unnest($2::text[]) WITH ORDINALITY AS asked (code, place)
WHERE NOT EXISTS (SELECT FROM tiers WHERE programme_id = $1 AND tiers.code = asked.code) ORDER BY place LIMIT 1
"""
_ADD = f"""
INSERT INTO expiry_policies (programme_id, version, kind, unit, units, zone, exempt_tiers, reminder_days, effective_from)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6, $7, $8 FROM expiry_policies WHERE programme_id = $1
RETURNING {_COLUMNS}
"""  # noqa: S608 (a constant)

# What counts now and does not count for ever, a wallet and instant a row: what activity has put off to one instant, and what ends later by
# itself, of which no more is read than a page needs. What ends at one instant may be nearly all that a wallet has, in very many lots: then
# it is the balance less the few others.
_OF_MEMBER = """
WITH standing AS MATERIALIZED (
    SELECT wallet, zone, balance, standing.* FROM accounts JOIN programmes ON programmes.id = programme_id
    CROSS JOIN LATERAL standing_of(ARRAY[accounts.id], clock_timestamp()) AS standing
    WHERE accounts.customer_id = ANY (family_of($1)) AND programme_id = $2 AND ($3::text IS NULL OR wallet = $3)
), ending AS (
    SELECT wallet, zone, expiry_version, ends.* FROM standing CROSS JOIN LATERAL (
        SELECT frontier AS expires_at, CASE WHEN others.lots <= $7 THEN balance - others.points ELSE (
            SELECT sum(remaining) FROM lots
            WHERE account_id = standing.account_id AND lots.expiry_version = standing.expiry_version AND remaining > 0
              AND expires_at > since AND expires_at <= frontier
        ) END AS points
        FROM (
            SELECT count(*) AS lots, coalesce(sum(remaining), 0) AS points FROM (
                (SELECT remaining FROM lots WHERE account_id = standing.account_id AND lots.expiry_version < standing.expiry_version
                     AND remaining > 0 LIMIT $7 + 1)
                UNION ALL
                (SELECT remaining FROM lots WHERE account_id = standing.account_id AND lots.expiry_version > standing.expiry_version
                     AND remaining > 0 LIMIT $7 + 1)
                UNION ALL
                (SELECT remaining FROM lots WHERE account_id = standing.account_id AND lots.expiry_version = standing.expiry_version
                     AND remaining > 0 AND expires_at <= since LIMIT $7 + 1)
                UNION ALL
                (SELECT remaining FROM lots WHERE account_id = standing.account_id AND lots.expiry_version = standing.expiry_version
                     AND remaining > 0 AND expires_at > frontier LIMIT $7 + 1)
                UNION ALL
                SELECT remaining FROM lots WHERE account_id = standing.account_id AND remaining < 0
            ) AS each
        ) AS others
        WHERE frontier >= $4 AND frontier > '-infinity' AND frontier < 'infinity'
        UNION ALL
        (SELECT expires_at, sum(remaining) FROM lots
         WHERE account_id = standing.account_id AND lots.expiry_version = standing.expiry_version AND remaining > 0
           AND expires_at > greatest(since, frontier) AND expires_at >= $4 AND expires_at < 'infinity'
         GROUP BY expires_at ORDER BY expires_at LIMIT $6 + 1)
    ) AS ends
)
SELECT wallet, expires_at, ((expires_at - interval '1 microsecond') AT TIME ZONE zone)::date AS last_day, sum(points)::bigint AS points,
       coalesce(sum(points) FILTER (WHERE expiry_version <> 0), 0)::bigint AS extendable
FROM ending WHERE points > 0 AND (expires_at, wallet) > ($4, $5)
GROUP BY wallet, zone, expires_at ORDER BY expires_at, wallet LIMIT $6
"""
# Nothing that activity puts off lapses before its wallet is due, so only those are looked at.
_OF_PROGRAMME = """
WITH expiring AS (
    SELECT account_id, expires_at, remaining, false AS is_extendable FROM lots
    WHERE remaining > 0 AND expires_at < 'infinity' AND expiry_version = 0 AND expires_at >= greatest($2, now()) AND expires_at < $3
    UNION ALL
    SELECT account_id, lasting.expires_at, remaining, true
    FROM lot_expiries(ARRAY(
        SELECT lots.id FROM expiry_watches JOIN lots USING (account_id) WHERE due_at < $3 AND expiry_version <> 0 AND remaining > 0
    ), clock_timestamp()) AS lasting JOIN lots ON lots.id = lot_id
)
SELECT date_trunc($4, expires_at AT TIME ZONE zone)::date AS starts_on, wallet, sum(remaining)::bigint AS points,
       coalesce(sum(remaining) FILTER (WHERE is_extendable), 0)::bigint AS extendable, count(DISTINCT customer_id) AS members
FROM expiring JOIN accounts ON accounts.id = account_id JOIN programmes ON programmes.id = programme_id
WHERE programme_id = $1 AND expires_at >= $2 AND expires_at < $3 GROUP BY 1, 2 ORDER BY 1, 2
"""

_LEADS = """
SELECT programmes.id, days FROM programmes CROSS JOIN LATERAL expiry_policy_at(programmes.id, $1), unnest(reminder_days) AS days
ORDER BY programmes.id, days
"""
_MARK = """
INSERT INTO expiry_reminder_marks (programme_id, days, expires_at, account_id) VALUES ($1, $2, $3, 0)
ON CONFLICT (programme_id, days) DO UPDATE SET days = excluded.days RETURNING expires_at, account_id
"""
_MOVE_MARK = "UPDATE expiry_reminder_marks SET expires_at = $3, account_id = $4 WHERE programme_id = $1 AND days = $2"
# Wallets in the order of the index, from the mark to what has just come so near.
_FIXED_DUE = """
SELECT DISTINCT expires_at, account_id FROM lots
WHERE remaining > 0 AND expires_at < 'infinity' AND expiry_version = 0 AND (expires_at, account_id) > ($1, $2) AND expires_at <= $3
ORDER BY expires_at, account_id LIMIT $4
"""
# Whoever was reminded of the instant at which his wallet is due needs no look.
_WATCHED_DUE = """
SELECT account_id FROM expiry_watches JOIN accounts ON accounts.id = account_id
WHERE programme_id = $1 AND due_at > $2 AND due_at <= $2 + $3 * interval '1 day' AND NOT EXISTS (
    SELECT FROM expiry_reminders AS told WHERE told.account_id = expiry_watches.account_id AND told.expires_at = due_at AND days <= $3
)
ORDER BY due_at LIMIT $4
"""
_REFRESH = """
UPDATE expiry_watches SET due_at = next.lapses_at FROM (
    SELECT * FROM next_lapses($1, $2) ORDER BY account_id
) AS next WHERE expiry_watches.account_id = next.account_id AND due_at <> next.lapses_at
"""
# Against an erasure at the same time, which takes these rows for itself.
_HOLD_MEMBERS = """
SELECT FROM members WHERE customer_id IN (SELECT customer_id FROM accounts WHERE id = ANY ($1)) ORDER BY customer_id FOR KEY SHARE
"""
# Who is to be told of what in these wallets expires within so many days, and was not told of it so near before.
_REMIND = """
WITH counting AS (
    SELECT account_id, customer_id, wallet, lasting.expires_at, remaining
    FROM lot_expiries(ARRAY(SELECT id FROM lots WHERE account_id = ANY ($1) AND remaining > 0), $4) AS lasting
    JOIN lots ON lots.id = lot_id JOIN accounts ON accounts.id = account_id JOIN members USING (customer_id)
    JOIN wallets ON wallets.programme_id = accounts.programme_id AND code = wallet AND wallets.kind = 'points'
    WHERE accounts.programme_id = $2 AND closed_at IS NULL
      AND NOT EXISTS (SELECT FROM erased_customers WHERE erased_customers.customer_id = accounts.customer_id)
), due AS (
    SELECT account_id, customer_id, wallet, expires_at, sum(remaining)::bigint AS points FROM counting
    WHERE expires_at > $4 AND expires_at <= $4 + $3 * interval '1 day' GROUP BY account_id, customer_id, wallet, expires_at
), told AS (
    INSERT INTO expiry_reminders (customer_id, account_id, expires_at, days)
    SELECT customer_id, account_id, expires_at, $3::integer FROM due
    WHERE NOT EXISTS (
        SELECT FROM expiry_reminders AS nearer WHERE nearer.account_id = due.account_id AND nearer.expires_at = due.expires_at AND days < $3
    )
    ORDER BY account_id, expires_at ON CONFLICT DO NOTHING RETURNING account_id, expires_at
)
SELECT customer_id, wallet, points, expires_at FROM due JOIN told USING (account_id, expires_at) ORDER BY customer_id, expires_at
"""
_ERASE = "DELETE FROM expiry_reminders WHERE customer_id = ANY ($1)"
_COLLECT = "SELECT customer_id, expires_at, days, reminded_at FROM expiry_reminders WHERE customer_id = ANY ($1) ORDER BY reminded_at"
# So many lots are added up without a thought.
FEW_LOTS = 200
_BEFORE_ALL = (datetime.min.replace(tzinfo=UTC), "")
_HAS_DUE = "SELECT EXISTS (SELECT FROM expiry_watches WHERE due_at <= $1)"


class PolicyRow(NamedTuple):
    """A policy; `units` of time, by the midnights of its zone."""

    version: int
    kind: str
    unit: str | None
    units: int | None
    zone: str
    exempt_tiers: list[str]
    reminder_days: list[int]
    effective_from: datetime


class ExpirationRow(NamedTuple):
    """What of a member's wallet expires at an instant."""

    wallet: str
    expires_at: datetime
    last_day: date
    points: int
    extendable: int


class ExpiringRow(NamedTuple):
    """What of a programme's wallets expires in a day or month."""

    starts_on: date
    wallet: str
    points: int
    extendable: int
    members: int


class Reminder(NamedTuple):
    """Points of which a member is to be told that they expire."""

    customer_id: str
    wallet: str
    points: int
    expires_at: datetime


class Mark(NamedTuple):
    """How far the reminders of a lead time have come."""

    expires_at: datetime
    account_id: int


async def policies(connection: Connection, programme_id: str) -> list[PolicyRow]:
    """Return the policies of a programme, the one that begins last first."""
    return [PolicyRow(*row) for row in await connection.fetch(_ALL, programme_id)]


async def lock(connection: Connection, programme_id: str) -> str | None:
    """Return a programme's zone, the programme locked; None when there is none."""
    return await connection.fetchval(_LOCK, programme_id)


async def has_earned_since(connection: Connection, programme_id: str, moment: datetime) -> bool:
    """Return whether points were earned from a moment on."""
    return bool(await connection.fetchval(_EARNED_SINCE, programme_id, moment))


async def unknown_tier(connection: Connection, programme_id: str, codes: Sequence[str]) -> int | None:
    """Return the place of the first code that is no tier of a programme; None when all are."""
    return await connection.fetchval(_UNKNOWN_TIER, programme_id, codes)


async def add(connection: Connection, programme_id: str, policy: PolicyRow) -> PolicyRow:
    """Keep a policy; its version is given here."""
    row = await connection.fetchrow(_ADD, programme_id, *policy[1:])
    assert row is not None
    return PolicyRow(*row)


async def of_member(
    connection: Connection, customer_id: str, programme_id: str, wallet: str | None, many: int, after: SortKey | None
) -> list[ExpirationRow]:
    """Return what of a family's wallets, or of one, expires when, as things are now, after an instant and wallet."""
    rows = await connection.fetch(_OF_MEMBER, customer_id, programme_id, wallet, *(after or _BEFORE_ALL), many, FEW_LOTS)
    return [ExpirationRow(*row) for row in rows]


async def of_programme(connection: Connection, programme_id: str, since: datetime, until: datetime, unit: str) -> list[ExpiringRow]:
    """Return what of a programme expires when, as things are now, by day or month."""
    return [ExpiringRow(*row) for row in await connection.fetch(_OF_PROGRAMME, programme_id, since, until, unit)]


async def leads(connection: Connection, now: datetime) -> list[tuple[str, int]]:
    """Return the programmes that remind, each with its lead times, shortest first."""
    return [(row["id"], row["days"]) for row in await connection.fetch(_LEADS, now)]


async def mark(connection: Connection, programme_id: str, days: int, now: datetime) -> Mark:
    """Return how far the reminders of a lead time have come, locked; they begin now."""
    row = await connection.fetchrow(_MARK, programme_id, days, now)
    assert row is not None
    return Mark(*row)


async def move_mark(connection: Connection, programme_id: str, days: int, to: Mark) -> None:
    """Remember how far the reminders of a lead time have come."""
    await connection.execute(_MOVE_MARK, programme_id, days, *to)


async def fixed_due(connection: Connection, after: Mark, until: datetime, many: int) -> list[Mark]:
    """Return so many wallets of which something expires after a mark and until an instant, whatever is done."""
    return [Mark(*row) for row in await connection.fetch(_FIXED_DUE, *after, until, many)]


async def watched_due(connection: Connection, programme_id: str, days: int, now: datetime, many: int) -> list[int]:
    """Return so many wallets of which something may expire within so many days unless somebody is active."""
    return [row["account_id"] for row in await connection.fetch(_WATCHED_DUE, programme_id, now, days, many)]


async def refresh(connection: Connection, account_ids: Sequence[int], now: datetime) -> None:
    """Bring the timetable of wallets up to date."""
    await connection.execute(_REFRESH, account_ids, now)


async def remind(connection: Connection, account_ids: Sequence[int], programme_id: str, days: int, now: datetime) -> list[Reminder]:
    """Remember whom to remind of what expires within so many days, each once, and return it."""
    await connection.fetch(_HOLD_MEMBERS, account_ids)
    return [Reminder(*row) for row in await connection.fetch(_REMIND, account_ids, programme_id, days, now)]


async def has_due(connection: Connection, now: datetime) -> bool:
    """Return whether there are wallets to look at."""
    return bool(await connection.fetchval(_HAS_DUE, now))


async def erase(connection: Connection, customer_ids: Sequence[str]) -> str:
    """Forget of what customers were reminded."""
    return await connection.execute(_ERASE, customer_ids)


async def collect(connection: Connection, customer_ids: Sequence[str]) -> list[dict[str, object]]:
    """Return of what customers were reminded."""
    return [dict(row) for row in await connection.fetch(_COLLECT, customer_ids)]
