"""Offers for everybody at once: habits are read from purchases and offers made of them in one statement a block of members.

The same purchases, campaign and moment give the same offers, whoever runs it and however often: a run that was interrupted goes through
all members again and makes only what is missing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from asyncpg import Record

from loyalty.earning.repository import lock_pools
from loyalty.ledger.events import programme_of
from loyalty.offers import repository, settling
from loyalty.participations.repository import absent
from loyalty.tiers import booking as tiers
from shared.contracts.loyalty import OfferMade
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.tombstones import erased_among
from shared.http.jobs import Job

GENERATE = "personal_offers"
# Members a transaction: they are locked for as long as it takes.
_BLOCK = 250

_COUNT = "SELECT count(*) FROM members WHERE closed_at IS NULL"
# Merged customers are looked at with whom they belong to.
_ROOTS = """
SELECT customer_id FROM members WHERE customer_id > $1 AND closed_at IS NULL
AND NOT EXISTS (SELECT FROM customer_links AS l WHERE l.customer_id = members.customer_id AND l.root_id <> l.customer_id)
ORDER BY customer_id LIMIT $2
"""
# Days are those of the programme's zone; what came back or was cancelled until the moment was not bought. Nobody has more offers of a
# campaign at a time than he may: who has one still gets none. The least half of the gaps' order is their median, in whole days.
_MAKE = """
WITH zoned AS (
    SELECT zone, ($2::timestamptz AT TIME ZONE zone)::date AS today FROM programmes WHERE id = $15
), people AS (
    SELECT root, member.id FROM unnest($1::text[]) AS root, unnest(family_of(root)) AS member (id)
    WHERE NOT EXISTS (
        SELECT FROM offers
        WHERE offers.customer_id = root AND offers.valid_until > $2 AND campaign_id = $3 AND made_at <> $2 AND order_id IS NULL
    )
), lines AS (
    SELECT root, l.sku, (l.placed_at AT TIME ZONE zone)::date AS day, max(l.category) AS category, sum(l.amount_minor) AS amount_minor
    FROM people JOIN purchase_lines AS l ON l.customer_id = people.id JOIN orders ON orders.order_id = l.order_id, zoned
    WHERE l.placed_at <= $2 AND l.placed_at > $2 - make_interval(days => $6) AND (cancelled_at IS NULL OR cancelled_at > $2)
    GROUP BY root, l.order_id, l.sku, day HAVING sum(l.quantity) > 0
), days AS (
    SELECT root, target, day, sum(amount_minor) AS amount_minor
    FROM (SELECT lines.*, CASE $5::text WHEN 'sku' THEN sku ELSE category END AS target FROM lines) AS named
    WHERE target <> ALL ($7::text[]) GROUP BY root, target, day
), gaps AS (
    SELECT *, day - lag(day) OVER (PARTITION BY root, target ORDER BY day) AS gap FROM days
), habits AS (
    SELECT root, target, count(*) AS purchases, max(day) AS last_on, today - max(day) AS since, sum(amount_minor) AS amount_minor,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY gap) AS every_days
    FROM gaps, zoned GROUP BY root, target, today HAVING count(*) >= $8
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY root ORDER BY
        CASE $4::text WHEN 'replenishment' THEN since::numeric / every_days END DESC, purchases DESC, amount_minor DESC, target) AS place
    FROM habits WHERE CASE $4::text
        WHEN 'affinity' THEN true
        WHEN 'replenishment' THEN since * 100 >= every_days * (100 - $9::int) AND since < every_days * $10::int
        ELSE since >= every_days * $11::int END
)
INSERT INTO offers (id, campaign_id, customer_id, is_control, target_kind, target, reason, made_at, valid_until)
SELECT new_id('ofr'), $3, root,
       ('x' || encode(substr(sha256(convert_to($12::text || ':' || root, 'UTF8')), 1, 4), 'hex'))::bit(32)::bigint % 10000 < $13::int,
       $5, target, jsonb_build_object('strategy', $4::text, 'by', $5::text, 'target', target, 'purchases', purchases,
                                      'every_days', every_days, 'last_on', last_on, 'days_since', since), $2, $16
FROM ranked WHERE place <= $14 ORDER BY root, place
ON CONFLICT DO NOTHING RETURNING id, customer_id, is_control, made_at, valid_until
"""


async def generate(job: Job) -> Mapping[str, Any]:
    """Make the offers of a campaign for all members, block by block."""
    as_of = datetime.fromisoformat(job.arguments["as_of"])
    campaign_id = job.arguments["campaign_id"]
    async with job.database.acquire() as connection:
        campaign = await repository.find_campaign(connection, campaign_id)
        total = await connection.fetchval(_COUNT) or 0
    assert campaign is not None
    last, done = "", 0
    while True:
        async with job.unit_of_work() as uow:
            roots = [row["customer_id"] for row in await uow.connection.fetch(_ROOTS, last, _BLOCK)]
            if roots:
                await make_for(uow, campaign, roots, as_of)
        if not roots:
            break
        last, done = roots[-1], done + len(roots)
        await job.progress(done, max(total, done))
    async with job.database.acquire() as connection:
        return await repository.made_at(connection, campaign_id, as_of)


async def make_for(uow: UnitOfWork, campaign: Record, roots: Sequence[str], as_of: datetime) -> list[Record]:
    """Make the offers of a campaign for members, who are locked so that no order of theirs is missed; return those that are new."""
    connection = uow.connection
    erased = await erased_among(connection, roots)
    away = {root for root, _ in await absent(connection, campaign["programme_id"], [(root, as_of) for root in roots])}
    roots = [root for root in roots if root not in erased | away]
    await lock_pools(connection, roots)
    made = await _make(connection, campaign, roots, as_of)
    for row in made:
        if not row["is_control"]:
            uow.publish(
                OfferMade(
                    offer_id=row["id"],
                    customer_id=row["customer_id"],
                    campaign_id=campaign["id"],
                    programme_id=programme_of(campaign["programme_id"]),
                    made_at=row["made_at"],
                    valid_until=row["valid_until"],
                ),
                sequence=1,
            )
    if made and not campaign["needs_activation"]:
        # What was bought between the moment and now.
        await settling.settle(uow, [row["id"] for row in made])
        await tiers.refresh(uow, [row["customer_id"] for row in made])
    return made


async def _make(connection: Connection, campaign: Record, roots: Sequence[str], as_of: datetime) -> list[Record]:
    looking = campaign["parameters"]
    return await connection.fetch(
        _MAKE,
        roots,
        as_of,
        campaign["id"],
        campaign["strategy"],
        looking["by"],
        looking["window_days"],
        looking["excluded"],
        looking["min_purchases"],
        looking.get("early_percent", 0),
        looking.get("late_intervals", 0),
        looking.get("intervals", 0),
        campaign["salt"],
        campaign["control_share_bp"],
        campaign["max_per_member"],
        campaign["programme_id"],
        as_of + timedelta(days=campaign["validity_days"]),
    )
