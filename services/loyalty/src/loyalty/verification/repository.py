"""Every query of the proof that the ledger is what it should be. They read everything, in one statement and so in one snapshot."""

from collections.abc import Mapping

from loyalty.verification.rules import Finding, Proof, Totals
from shared.database.pool import Connection

# The proof reads the whole ledger, which takes longer than a request usually may.
TIMEOUT_SECONDS = 120.0
_ALLOW = f"SET LOCAL statement_timeout = '{int(TIMEOUT_SECONDS)}s'"

_TOTALS = """
SELECT (SELECT count(*) FROM members) AS members,
       (SELECT count(*) FROM accounts) AS accounts,
       (SELECT count(*) FROM lots) AS lots,
       (SELECT coalesce(sum(points), 0)::bigint FROM postings) AS sum,
       (SELECT coalesce(sum(remaining), 0)::bigint FROM lots) AS points_outstanding,
       count(*) AS entries,
       coalesce(sum(points) FILTER (WHERE kind = 'accrual'), 0)::bigint AS points_issued,
       coalesce(-sum(points) FILTER (WHERE kind = 'reversal'), 0)::bigint AS points_reversed
FROM entries
"""

# A sum of digests does not depend on the order of what is summed. No id goes in: two loads of the same history agree.
_CHECKSUM = """
WITH earnings AS (
    SELECT customer_id, ('x' || substr(md5(concat_ws('|', extract(epoch FROM max(occurred_at) FILTER (WHERE kind = 'accrual')),
        sum(points) FILTER (WHERE kind = 'accrual'), coalesce(sum(points) FILTER (WHERE kind = 'reversal'), 0))), 1, 16))::bit(64)::bigint
        AS digest, sum(points) AS points
    FROM entries GROUP BY customer_id, order_id
), lifetimes AS (
    SELECT customer_id, sum(digest) AS digest, sum(points) AS lifetime FROM earnings GROUP BY customer_id
), balances AS (
    SELECT customer_id, sum(remaining) AS balance FROM accounts JOIN lots ON account_id = accounts.id GROUP BY customer_id
)
SELECT md5(concat_ws('|', count(*), sum(('x' || substr(md5(concat_ws('|', enrolled_at IS NOT NULL, coalesce(balance, 0),
       coalesce(lifetime, 0), coalesce(digest, 0))), 1, 16))::bit(64)::bigint)))
FROM members LEFT JOIN lifetimes USING (customer_id) LEFT JOIN balances USING (customer_id)
"""

# Each answers with the ids of what is broken; a sound ledger answers none of them.
_CHECKS: Mapping[str, str] = {
    "entry_unbalanced": "SELECT entry_id AS id FROM postings GROUP BY entry_id HAVING sum(points) <> 0",
    "entry_without_postings": "SELECT id FROM entries WHERE NOT EXISTS (SELECT FROM postings WHERE entry_id = entries.id)",
    "posting_without_entry": "SELECT entry_id AS id FROM postings WHERE NOT EXISTS (SELECT FROM entries WHERE id = entry_id)",
    "posting_differs_from_entry": """
        SELECT entries.id FROM entries
        LEFT JOIN accounts USING (customer_id)
        LEFT JOIN postings ON entry_id = entries.id AND account_id = accounts.id
        WHERE postings.points IS DISTINCT FROM entries.points
    """,
    "member_without_account": """
        SELECT members.customer_id AS id FROM members LEFT JOIN accounts USING (customer_id) WHERE accounts.id IS NULL
    """,
    "lot_differs_from_accrual": """
        SELECT entries.id FROM entries LEFT JOIN lots ON entry_id = entries.id
        WHERE kind = 'accrual' AND (granted, earned_at) IS DISTINCT FROM (points, occurred_at)
    """,
    "lot_differs_from_draws": """
        SELECT lots.id FROM lots
        LEFT JOIN (SELECT lot_id, sum(points) AS drawn FROM lot_draws GROUP BY lot_id) AS draws ON lot_id = lots.id
        WHERE remaining <> granted - coalesce(drawn, 0)
    """,
    "draws_differ_from_reversal": """
        SELECT entries.id FROM entries
        LEFT JOIN (SELECT entry_id, sum(points) AS drawn FROM lot_draws GROUP BY entry_id) AS draws ON entry_id = entries.id
        WHERE kind = 'reversal' AND drawn IS DISTINCT FROM -points
    """,
    "lots_differ_from_balance": """
        SELECT customer_id AS id FROM accounts
        LEFT JOIN (SELECT account_id, sum(points) AS points FROM postings GROUP BY account_id) AS posted ON posted.account_id = accounts.id
        LEFT JOIN (SELECT account_id, sum(remaining) AS points FROM lots GROUP BY account_id) AS open ON open.account_id = accounts.id
        WHERE kind = 'member' AND coalesce(posted.points, 0) <> coalesce(open.points, 0)
    """,
    "order_differs_from_returns": """
        SELECT order_id AS id FROM orders
        LEFT JOIN (SELECT order_id, sum(amount_minor) AS total FROM order_returns GROUP BY order_id) AS returned USING (order_id)
        WHERE returned_minor <> coalesce(total, 0)
    """,
    "entries_differ_from_order": """
        SELECT coalesce(orders.order_id, posted.order_id) AS id FROM orders
        LEFT JOIN programme_rates AS rate ON (rate.programme_id, rate.version) = (orders.programme_id, orders.rate_version)
        FULL JOIN (
            SELECT order_id, sum(points) FILTER (WHERE kind = 'accrual') AS earned, sum(points) AS kept
            FROM entries WHERE order_id IS NOT NULL GROUP BY order_id
        ) AS posted ON posted.order_id = orders.order_id
        WHERE coalesce(earned, 0) IS DISTINCT FROM points_for(amount_minor, numerator, denominator)
           OR coalesce(kept, 0) IS DISTINCT FROM points_for(amount_minor - returned_minor, numerator, denominator)
    """,
}
_FINDING = "SELECT '{code}' AS code, count(*) AS broken, (array_agg(id ORDER BY id))[1:5] AS examples FROM ({query}) AS found"
_VERIFY = """
SELECT to_jsonb(totals) AS totals, ({checksum}) AS checksum,
       (SELECT coalesce(jsonb_agg(findings), '[]') FROM ({findings}) AS findings WHERE broken > 0) AS findings
FROM ({totals}) AS totals
""".format(  # noqa: S608 (all parts are constants of this module)
    totals=_TOTALS,
    checksum=_CHECKSUM,
    findings=" UNION ALL ".join(_FINDING.format(code=code, query=query) for code, query in _CHECKS.items()),
)


async def verify(connection: Connection) -> Proof:
    """Return counts and sums, the failed checks, and a digest of all balances and entries.

    The digest depends neither on ids nor on the order in which things were made: two loads of one history agree.
    """
    async with connection.transaction():
        await connection.execute(_ALLOW)
        row = await connection.fetchrow(_VERIFY, timeout=TIMEOUT_SECONDS)
    assert row is not None
    return Proof(Totals(**row["totals"]), row["checksum"], [Finding(**finding) for finding in row["findings"]])
