"""Which order redeems an offer, and what that gives: always the earliest that fits, of all that are known and still stand.

An order fits when it was placed while the offer counted and holds some of what it is for that did not come back. So the end depends on
the orders, returns and cancellations only, not on when and how often they are told: whatever makes another order the earliest, or leaves
less of it, moves the points accordingly.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from asyncpg import Record

from loyalty.earning.repository import Taking, take_back
from loyalty.ledger import service as ledger
from loyalty.ledger.events import event_of_order, programme_of
from loyalty.ledger.repository import Posted
from loyalty.ledger.rules import Grant, Rate, points_for
from loyalty.offers.rules import Benefit, points_of
from loyalty.programmes.the_programme import PROGRAMME_ID
from shared.contracts.loyalty import OfferRedeemed
from shared.database.moments import database_now
from shared.database.rows import transposed
from shared.database.unit_of_work import UnitOfWork

# What is left of the articles of an order, and never more than is left of the order itself, of which money can come back alone. In a
# programme beside the default one an order counts only while it runs, for who takes part, and by a rate that knows its currency.
_WINNERS = """
SELECT offers.id, offers.version, offers.campaign_id, programme_id, offers.customer_id, offers.order_id, offers.points, offers.entry_id,
       offer_campaigns.benefit, winner.order_id AS winner_id, winner.customer_id AS buyer_id, winner.placed_at, winner.amount_minor,
       rate.numerator, rate.denominator
FROM offers JOIN offer_campaigns ON offer_campaigns.id = campaign_id
LEFT JOIN LATERAL (
    SELECT bought.order_id, bought.customer_id, placed_at, least(fitting.amount_minor, left_minor)::bigint AS amount_minor FROM (
        SELECT order_id, orders.customer_id, placed_at, amount_minor - returned_minor AS left_minor
        FROM unnest(family_of(offers.customer_id)) AS member (id) JOIN orders ON orders.customer_id = member.id
        WHERE orders.placed_at >= CASE WHEN needs_activation THEN activated_at ELSE made_at END AND orders.placed_at < valid_until
          AND cancelled_at IS NULL AND (amount_minor > returned_minor OR amount_minor <= 0)
        ORDER BY placed_at, order_id
    ) AS bought CROSS JOIN LATERAL (
        SELECT sum(amount_minor) AS amount_minor FROM (
            SELECT sku, max(category) AS category, sum(amount_minor) AS amount_minor FROM purchase_lines AS l
            WHERE l.customer_id = bought.customer_id AND l.order_id = bought.order_id GROUP BY sku HAVING sum(quantity) > 0
        ) AS articles WHERE CASE target_kind WHEN 'sku' THEN sku ELSE category END = target HAVING count(*) > 0
    ) AS fitting
    WHERE programme_id = $2 OR EXISTS (
        SELECT FROM programmes WHERE id = programme_id AND starts_at <= placed_at AND (ends_at IS NULL OR placed_at < ends_at)
          AND NOT EXISTS (
              SELECT FROM programme_absences AS away
              WHERE away.customer_id = ANY (family_of(offers.customer_id)) AND away.programme_id = programmes.id
                AND left_at <= placed_at AND (back_at IS NULL OR placed_at < back_at)
          )
    )
    ORDER BY placed_at, order_id LIMIT 1
) AS winner ON true
LEFT JOIN LATERAL (
    SELECT numerator, denominator, currencies FROM programme_rates
    WHERE programme_rates.programme_id = offer_campaigns.programme_id AND effective_from <= winner.placed_at
    ORDER BY effective_from DESC LIMIT 1
) AS rate ON rate.currencies IS NULL OR (
    SELECT facts ->> 'currency' FROM occasions
    WHERE (trigger, source_id, occasions.programme_id) = ('order_placed', winner.order_id, offer_campaigns.programme_id)
) = ANY (rate.currencies)
WHERE offers.id = ANY ($1::text[]) AND NOT is_control ORDER BY offers.id FOR UPDATE OF offers
"""
_WRITE = """
UPDATE offers SET order_id = told.order_id, redeemed_at = told.redeemed_at, points = told.points, entry_id = told.entry_id,
                  version = offers.version + 1
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[]) AS told (id, order_id, redeemed_at, points, entry_id)
WHERE offers.id = told.id
"""


async def settle(uow: UnitOfWork, offer_ids: Sequence[str]) -> None:
    """Give and take back what offers give by the orders that are known; the pools of their customers are locked."""
    if not offer_ids:
        return
    rows = await uow.connection.fetch(_WINNERS, offer_ids, PROGRAMME_ID)
    changed = [(row, points) for row in rows if (points := _points(row)) != row["points"] or row["winner_id"] != row["order_id"]]
    if not changed:
        return
    await _take(uow, changed)
    entries = await _give(uow, changed)
    written = [(row["id"], row["winner_id"], row["placed_at"], points, entries[row["id"]]) for row, points in changed]
    await uow.connection.execute(_WRITE, *transposed(written))
    for row, points in changed:
        uow.publish(
            OfferRedeemed(
                offer_id=row["id"],
                customer_id=row["customer_id"],
                campaign_id=row["campaign_id"],
                programme_id=programme_of(row["programme_id"]),
                order_id=row["winner_id"],
                points=points,
                redeemed_at=row["placed_at"],
            ),
            sequence=row["version"] + 1,
        )


def benefit_of(told: dict[str, Any]) -> Benefit:
    """Return what an offer gives."""
    return Benefit(told["kind"], told.get("points", 0), Fraction(told.get("factor", "1")), told.get("max_points"))


def _points(row: Record) -> int:
    if row["winner_id"] is None:
        return 0
    rate = Rate(row["numerator"], row["denominator"]) if row["denominator"] is not None else Rate(0, 1)
    return points_of(benefit_of(row["benefit"]), points_for(row["amount_minor"], rate))


def _left(row: Record, points: int) -> int:
    """Return how many of the points given before stay: those of the same order, as far as it gives them still."""
    return min(row["points"], points) if row["winner_id"] == row["order_id"] else 0


def _source(row: Record) -> str:
    return f"{row['id']}:{row['version'] + 1}"


async def _take(uow: UnitOfWork, changed: Sequence[tuple[Record, int]]) -> None:
    gone = [(row, lost) for row, points in changed if row["entry_id"] is not None and (lost := row["points"] - _left(row, points)) > 0]
    if not gone:
        return
    moment = await database_now(uow.connection)
    takings = [
        Taking(f"lot_{row['entry_id'].removeprefix('ent_')}", lost, _source(row), row["order_id"], row["campaign_id"], moment)
        for row, lost in gone
    ]
    for taken in await take_back(uow.connection, takings):
        row, _ = gone[taken["item"] - 1]
        points, sequence = abs(taken["points"]), taken["sequence"]
        posted = Posted(taken["kind"], taken["entry_id"], taken["customer_id"], row["order_id"], points, moment, sequence)
        uow.publish(event_of_order(posted, programme_id=row["programme_id"]), sequence=sequence)


async def _give(uow: UnitOfWork, changed: Sequence[tuple[Record, int]]) -> dict[str, str | None]:
    """Give what is missing, each offer to the wallets of its programme; return the entry of each."""
    entries: dict[str, str | None] = {row["id"]: row["entry_id"] if _left(row, points) else None for row, points in changed}
    given: dict[str, list[tuple[Record, int]]] = {}
    for row, points in changed:
        if points > (left := _left(row, points)):
            given.setdefault(row["programme_id"], []).append((row, points - left))
    for programme_id, some in given.items():
        outcomes = await ledger.grant(uow, [_grant(row, points) for row, points in some], programme_id=programme_id)
        for (row, _), outcome in zip(some, outcomes, strict=True):
            entries[row["id"]] = outcome.lines[0].entry_id if outcome.lines else None
    return entries


def _grant(row: Record, points: int) -> Grant:
    return Grant(
        row["buyer_id"],
        points,
        _source(row),
        row["placed_at"],
        order_id=row["winner_id"],
        rule_version=row["campaign_id"],
        explanation={"offer": row["id"], "benefit": row["benefit"], "amount_minor": row["amount_minor"], "points": points},
    )
