"""Every query of campaigns, and of offers as members and managers see them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from asyncpg import Record

from shared.database.moments import LAST_MOMENT, database_now
from shared.database.pool import Connection
from shared.database.rows import affected
from shared.http.pagination import SortKey

_TERMS = (
    *("name", "strategy", "parameters", "benefit", "voucher_batch_id", "validity_days", "control_share_bp", "max_per_member"),
    *("needs_activation", "salt"),
)
_CAMPAIGN = f"id, programme_id, version, {', '.join(_TERMS)}, active, created_at"
_ADD = f"""
INSERT INTO offer_campaigns (id, programme_id, {", ".join(_TERMS)})
VALUES ($1, $2, {", ".join(f"${number}" for number in range(3, len(_TERMS) + 3))}) RETURNING {_CAMPAIGN}
"""  # noqa: S608 - names of columns only
_FIND_CAMPAIGN = f"SELECT {_CAMPAIGN} FROM offer_campaigns WHERE id = $1"  # noqa: S608
_LOCK_CAMPAIGN = f"{_FIND_CAMPAIGN} FOR NO KEY UPDATE"
_CAMPAIGNS = f"""
SELECT {_CAMPAIGN} FROM offer_campaigns WHERE programme_id = $1 AND (created_at, id) < ($3, $4)
ORDER BY created_at DESC, id DESC LIMIT $2
"""  # noqa: S608
_AMEND = f"UPDATE offer_campaigns SET version = version + 1, name = $2, active = $3 WHERE id = $1 RETURNING {_CAMPAIGN}"  # noqa: S608
_OFFER = """
SELECT offers.id, offers.version, campaign_id, offers.customer_id, target, reason, made_at, valid_until, viewed_at, activated_at,
       voucher_code, order_id, redeemed_at, points, programme_id, name, benefit, needs_activation, offer_campaigns.voucher_batch_id,
       clock_timestamp() AS now
FROM offers JOIN offer_campaigns ON offer_campaigns.id = campaign_id
"""
# Nobody sees an offer that is held out.
_FIND = f"{_OFFER} WHERE offers.id = $1 AND NOT is_control"
_LOCK = f"{_FIND} FOR NO KEY UPDATE OF offers"
# Each of the family is read in the order of the index. Those that are over are shown on request only.
_OF_FAMILY = f"""
SELECT page.* FROM unnest($1::text[]) AS member (id) CROSS JOIN LATERAL (
    {_OFFER} WHERE offers.customer_id = member.id AND NOT is_control AND (valid_until, offers.id) > ($3, $4)
      AND ($5 OR (order_id IS NULL AND valid_until > clock_timestamp())) AND ($6::text IS NULL OR programme_id = $6)
    ORDER BY valid_until, offers.id LIMIT $2
) AS page ORDER BY valid_until, id LIMIT $2
"""  # noqa: S608
_FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
_VIEW = "UPDATE offers SET viewed_at = coalesce(viewed_at, $2) WHERE id = $1"
_ACTIVATE = """
UPDATE offers SET viewed_at = coalesce(viewed_at, $2), activated_at = $2, voucher_code = $3, version = version + 1 WHERE id = $1
RETURNING version
"""
_EXPIRE = """
UPDATE offers SET expiry_told = true, version = version + 1 WHERE id = ANY (ARRAY(
    SELECT id FROM offers WHERE NOT is_control AND NOT expiry_told AND order_id IS NULL AND valid_until <= coalesce($2, clock_timestamp())
    ORDER BY valid_until LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
)) RETURNING id, version, customer_id, campaign_id, valid_until
"""
_MADE = """
SELECT count(*) FILTER (WHERE NOT is_control) AS offers, count(*) FILTER (WHERE is_control) AS held_out,
       count(DISTINCT customer_id) AS members
FROM offers WHERE campaign_id = $1 AND made_at = $2
"""
_COUNTS = """
SELECT count(*) AS offers, count(viewed_at) AS viewed, count(activated_at) AS activated, count(order_id) AS redeemed,
       coalesce(sum(points), 0)::bigint AS points
FROM offers WHERE campaign_id = $1 AND NOT is_control
"""
# All who have an offer count, used or not, and those held out likewise: so the comparison is that of the draw. A member converted when he
# bought what one of his offers is for while it counted. He spent what he bought while any of them did, each order once.
_GROUPS = """
WITH own AS (
    SELECT id, customer_id, is_control, target_kind, target, made_at, least(valid_until, $2) AS until FROM offers
    WHERE campaign_id = $1 AND made_at < $2
), people AS (
    SELECT customer_id, member.id AS member_id
    FROM (SELECT DISTINCT customer_id FROM own) AS known, unnest(family_of(customer_id)) AS member (id)
), bought AS (
    SELECT own.id, people.customer_id, l.order_id, l.sku, target_kind, target, max(l.category) AS category, sum(l.quantity) AS quantity,
           max(greatest(orders.amount_minor - orders.returned_minor, 0)) AS left_minor
    FROM own JOIN people USING (customer_id) JOIN purchase_lines AS l ON l.customer_id = people.member_id
         AND l.placed_at >= made_at AND l.placed_at < until
    JOIN orders ON orders.order_id = l.order_id AND (cancelled_at IS NULL OR cancelled_at > $2)
    GROUP BY own.id, people.customer_id, l.order_id, l.sku, target_kind, target
), converted AS (
    SELECT DISTINCT customer_id FROM bought WHERE quantity > 0 AND CASE target_kind WHEN 'sku' THEN sku ELSE category END = target
), spent AS (
    SELECT customer_id, sum(left_minor) AS minor FROM (SELECT DISTINCT customer_id, order_id, left_minor FROM bought) AS once
    GROUP BY customer_id
)
SELECT is_control, count(*) AS members, count(converted.customer_id) AS converted, coalesce(sum(minor), 0)::bigint AS spent_minor,
       coalesce(sum(minor * minor), 0)::text AS spent_squared
FROM (SELECT customer_id, bool_or(is_control) AS is_control FROM own GROUP BY customer_id) AS members
LEFT JOIN converted USING (customer_id) LEFT JOIN spent USING (customer_id) GROUP BY is_control
"""
_ERASE: Mapping[str, str] = {
    "offers": "DELETE FROM offers WHERE customer_id = ANY ($1::text[])",
    "purchase_lines": "DELETE FROM purchase_lines WHERE customer_id = ANY ($1::text[])",
}
_COLLECT: Mapping[str, str] = {
    "offers": """
        SELECT id, customer_id, campaign_id, reason, made_at, valid_until, viewed_at, activated_at, voucher_code, order_id, redeemed_at,
               points
        FROM offers WHERE customer_id = ANY ($1::text[]) ORDER BY made_at, id
    """,
    "purchase_lines": """
        SELECT customer_id, order_id, source_id, sku, category, quantity, amount_minor, placed_at FROM purchase_lines
        WHERE customer_id = ANY ($1::text[]) ORDER BY placed_at, order_id, sku, source_id
    """,
}


async def add_campaign(connection: Connection, campaign_id: str, programme_id: str, values: Mapping[str, Any]) -> Record:
    """Keep a campaign."""
    row = await connection.fetchrow(_ADD, campaign_id, programme_id, *(values[name] for name in _TERMS))
    assert row is not None
    return row


async def find_campaign(connection: Connection, campaign_id: str, *, lock: bool = False) -> Record | None:
    """Return a campaign, locked if asked, or None."""
    return await connection.fetchrow(_LOCK_CAMPAIGN if lock else _FIND_CAMPAIGN, campaign_id)


async def campaigns(connection: Connection, programme_id: str, limit: int, after: SortKey | None) -> list[Record]:
    """Return the campaigns of a programme, newest first."""
    return await connection.fetch(_CAMPAIGNS, programme_id, limit, *(after or (LAST_MOMENT, "")))


async def amend_campaign(connection: Connection, campaign_id: str, name: Mapping[str, str], *, active: bool) -> Record:
    """Write what may be changed of a campaign."""
    row = await connection.fetchrow(_AMEND, campaign_id, name, active)
    assert row is not None
    return row


async def find(connection: Connection, offer_id: str, *, lock: bool = False) -> Record | None:
    """Return an offer with its campaign and the database's clock, locked if asked; None when there is none that anybody may see."""
    return await connection.fetchrow(_LOCK if lock else _FIND, offer_id)


async def page(
    connection: Connection, family: Sequence[str], limit: int, after: SortKey | None, *, ended: bool, programme_id: str | None
) -> list[Record]:
    """Return the offers of a person, of one programme or of all, first what ends first, those after `(valid_until, id)`.

    Those that are redeemed or over are left out unless `ended` is asked for.
    """
    # Where nothing is behind yet, all that is over is not looked at.
    bound = after or (_FIRST_MOMENT if ended else await database_now(connection), "")
    return await connection.fetch(_OF_FAMILY, family, limit, *bound, ended, programme_id)


async def view(connection: Connection, offer_id: str, moment: datetime) -> None:
    """Write that an offer was looked at; the first time counts."""
    await connection.execute(_VIEW, offer_id, moment)


async def activate(connection: Connection, offer_id: str, moment: datetime, code: str | None) -> int:
    """Write that an offer was taken up, with its code, and return its version."""
    return await connection.fetchval(_ACTIVATE, offer_id, moment, code) or 0


async def expire(connection: Connection, many: int, at: datetime | None = None) -> list[Record]:
    """Note up to so many offers that are over, and return them."""
    return await connection.fetch(_EXPIRE, many, at)


async def made_at(connection: Connection, campaign_id: str, moment: datetime) -> dict[str, int]:
    """Return how many offers a run made."""
    row = await connection.fetchrow(_MADE, campaign_id, moment)
    assert row is not None
    return dict(row)


async def counts(connection: Connection, campaign_id: str) -> Record:
    """Return how many offers there are and what became of them."""
    row = await connection.fetchrow(_COUNTS, campaign_id)
    assert row is not None
    return row


async def groups(connection: Connection, campaign_id: str, moment: datetime) -> list[Record]:
    """Return what those with offers and those held out did until a moment."""
    return await connection.fetch(_GROUPS, campaign_id, moment)


async def erase(connection: Connection, customer_ids: Sequence[str]) -> dict[str, int]:
    """Delete what customers bought and were offered; return how much."""
    return {name: affected(await connection.execute(statement, customer_ids)) for name, statement in _ERASE.items()}


async def collect(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what customers bought and were offered."""
    return {name: [dict(row) for row in await connection.fetch(statement, customer_ids)] for name, statement in _COLLECT.items()}
