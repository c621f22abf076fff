"""Every query of the catalogue."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from asyncpg import Record

from shared.database.pool import Connection
from shared.http.pagination import SortKey
from shared.ids import new_id

_FIELDS = (
    *("name", "description", "images", "kind", "wallet", "prices", "voucher_batch_id", "stock", "valid_from", "valid_to"),
    *("eligibility", "limits", "fulfil_within_days", "categories", "tags", "sort_rank"),
)
_ROW = f"id, programme_id, version, {', '.join(_FIELDS)}, taken, archived_at, created_at"
# What has timed out is in stock again from its instant on, whether anybody noted it or not.
_VIEW = f"""
SELECT {_ROW}, stock - taken + waiting.lapsed AS remaining, waiting.reserved
FROM rewards CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity) FILTER (WHERE expires_at <= coalesce($1, clock_timestamp())), 0)::bigint AS lapsed,
           coalesce(sum(quantity) FILTER (WHERE expires_at > coalesce($1, clock_timestamp())), 0)::bigint AS reserved
    FROM redemptions WHERE reward_id = rewards.id AND status = 'pending'
) AS waiting
"""  # noqa: S608 - names of columns only
_ADD = f"""
INSERT INTO rewards (id, programme_id, {", ".join(_FIELDS)})
VALUES ($1, $2, {", ".join(f"${number}" for number in range(3, len(_FIELDS) + 3))})
"""  # noqa: S608
_COUNT_OPEN = "SELECT count(*) FROM rewards WHERE programme_id = $1 AND archived_at IS NULL"
_FIND = f"{_VIEW} WHERE id = $2"
_TERMS = f"SELECT {_ROW} FROM rewards WHERE id = $1"  # noqa: S608
_LOCK = f"{_TERMS} FOR NO KEY UPDATE"
_PAGE_OF_ALL = f"{_VIEW} WHERE programme_id = $2 AND (sort_rank, id) > ($4::bigint, $5) ORDER BY sort_rank, id LIMIT $3"
_PAGE = _PAGE_OF_ALL.replace("ORDER BY", "AND archived_at IS NULL ORDER BY")
_OPEN = f"{_VIEW} WHERE programme_id = $2 AND archived_at IS NULL ORDER BY sort_rank, id LIMIT $3"
_ARCHIVE = "UPDATE rewards SET archived_at = coalesce(archived_at, clock_timestamp()), version = version + 1 WHERE id = $1"
# The one statement that decides who gets the last piece.
_TAKE = "UPDATE rewards SET taken = taken + $2 WHERE id = $1 AND taken + $2 <= stock RETURNING taken"
_COUNT_TAKEN = "UPDATE rewards SET taken = $2 WHERE id = $1"
# An endless reward takes no lock that others wait for, but nobody may give it a stock meanwhile.
_SHARE = "SELECT stock FROM rewards WHERE id = $1 FOR SHARE"
_GIVE_BACK = """
UPDATE rewards SET taken = taken - told.quantity
FROM (SELECT id, sum(quantity)::bigint AS quantity FROM unnest($1::text[], $2::int[]) AS t (id, quantity) GROUP BY id) AS told
WHERE rewards.id = told.id AND stock IS NOT NULL
"""
_LOCK_ALL = "SELECT FROM rewards WHERE id = ANY ($1::text[]) ORDER BY id FOR NO KEY UPDATE"
_COUNT_PENDING = "SELECT coalesce(sum(quantity), 0)::bigint FROM redemptions WHERE reward_id = $1 AND status IN ('pending', 'fulfilled')"
_HAD = """
SELECT reward_id, created_at, quantity FROM redemptions
WHERE customer_id = ANY ($1::text[]) AND reward_id = ANY ($2::text[])
  AND (status = 'fulfilled' OR (status = 'pending' AND expires_at > $3))
"""
_SPENDABLE = """
SELECT code, state.spendable
FROM unnest($2::text[]) AS code, wallet_state(wallets_of($1, code, pool_of($3)), coalesce($4, clock_timestamp())) AS state
"""
# As long as nobody has it and it was never used. Who comes at the same time takes another one.
_TAKE_CODES = """
UPDATE vouchers SET customer_id = $2 WHERE code = ANY (ARRAY(
    SELECT code FROM vouchers WHERE batch_id = $1 AND customer_id IS NULL AND redeemed = 0 AND voided_at IS NULL
    ORDER BY code LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
)) RETURNING code
"""
_ZONE = "SELECT zone FROM programmes WHERE id = $1"


async def zone(connection: Connection, programme_id: str) -> ZoneInfo:
    """Return the zone by which a programme tells days apart."""
    return ZoneInfo(await connection.fetchval(_ZONE, programme_id) or "UTC")


async def add(connection: Connection, programme_id: str, values: Mapping[str, Any]) -> str:
    """Add a reward and return its id."""
    reward_id = new_id("rew")
    await connection.execute(_ADD, reward_id, programme_id, *(values[name] for name in _FIELDS))
    return reward_id


async def count_open(connection: Connection, programme_id: str) -> int:
    """Return how many rewards are not archived."""
    return await connection.fetchval(_COUNT_OPEN, programme_id) or 0


async def find(connection: Connection, reward_id: str, at: datetime | None = None) -> Record | None:
    """Return a reward with what remains of it, or None."""
    return await connection.fetchrow(_FIND, at, reward_id)


async def terms(connection: Connection, reward_id: str) -> Record | None:
    """Return a reward without what remains of it, which takes as long as many wait for it; None when there is none."""
    return await connection.fetchrow(_TERMS, reward_id)


async def lock(connection: Connection, reward_id: str) -> Record | None:
    """Return a reward, locked, or None."""
    return await connection.fetchrow(_LOCK, reward_id)


async def page(connection: Connection, programme_id: str, limit: int, after: SortKey | None, *, archived: bool) -> list[Record]:
    """Return the rewards of a programme in the order of its catalogue, those after the one with this `(sort_rank, id)`."""
    return await connection.fetch(_PAGE_OF_ALL if archived else _PAGE, None, programme_id, limit, *(after or (-1, "")))


async def catalogue(connection: Connection, programme_id: str, most: int, at: datetime | None = None) -> list[Record]:
    """Return the rewards that are not archived, in the order of the catalogue."""
    return await connection.fetch(_OPEN, at, programme_id, most)


async def change(connection: Connection, reward_id: str, values: Mapping[str, Any]) -> None:
    """Write the fields named and count the version."""
    names = [name for name in _FIELDS if name in values]
    columns = "".join(f", {name} = ${number}" for number, name in enumerate(names, start=2))
    await connection.execute(
        f"UPDATE rewards SET version = version + 1{columns} WHERE id = $1",  # noqa: S608 - names of columns only
        reward_id,
        *(values[name] for name in names),
    )


async def archive(connection: Connection, reward_id: str) -> None:
    """Take a reward out of the catalogue."""
    await connection.execute(_ARCHIVE, reward_id)


async def take(connection: Connection, reward_id: str, quantity: int) -> bool:
    """Take pieces from the stock; False when so many are not left."""
    return await connection.fetchval(_TAKE, reward_id, quantity) is not None


async def stock_of(connection: Connection, reward_id: str) -> int | None:
    """Return the stock of a reward, and hold off who would change it."""
    return await connection.fetchval(_SHARE, reward_id)


async def count_taken(connection: Connection, reward_id: str, taken: int) -> None:
    """Write how many pieces are taken."""
    await connection.execute(_COUNT_TAKEN, reward_id, taken)


async def give_back(connection: Connection, pieces: Sequence[tuple[str, int]]) -> None:
    """Put pieces back into the stock; a row is `(reward, quantity)`. Rewards are locked in one order."""
    if pieces:
        await connection.execute(_LOCK_ALL, sorted({reward_id for reward_id, _ in pieces}))
        await connection.execute(_GIVE_BACK, [reward_id for reward_id, _ in pieces], [quantity for _, quantity in pieces])


async def taken_ever(connection: Connection, reward_id: str) -> int:
    """Return how many pieces of a reward are taken, also of one that was endless."""
    return await connection.fetchval(_COUNT_PENDING, reward_id) or 0


async def had(connection: Connection, family: Sequence[str], reward_ids: Sequence[str], moment: datetime) -> list[Record]:
    """Return when a person had which rewards, and how many pieces."""
    return await connection.fetch(_HAD, family, reward_ids, moment)


async def spendable(
    connection: Connection, programme_id: str, wallets: Sequence[str], customer_id: str, at: datetime | None = None
) -> dict[str, int]:
    """Return what a member can spend of each wallet, with his household."""
    rows = await connection.fetch(_SPENDABLE, programme_id, sorted(set(wallets)), customer_id, at)
    return {row["code"]: row["spendable"] for row in rows}


async def take_codes(connection: Connection, batch_id: str, customer_id: str, many: int) -> list[str]:
    """Give a customer codes of a batch that nobody has; as many as there are."""
    return sorted(row["code"] for row in await connection.fetch(_TAKE_CODES, batch_id, customer_id, many))
