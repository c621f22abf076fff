"""Every query of the proof that the ledger is what it should be. They read everything, in one statement and so in one snapshot."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

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
       coalesce(-sum(points) FILTER (WHERE kind = 'reversal'), 0)::bigint AS points_reversed,
       coalesce(-sum(points) FILTER (WHERE kind IN ('redemption', 'restoration')), 0)::bigint AS points_spent,
       coalesce(-sum(points) FILTER (WHERE kind IN ('expiry', 'reinstatement', 'forfeiture')), 0)::bigint AS points_expired,
       coalesce(sum(points) FILTER (WHERE kind = 'adjustment'), 0)::bigint AS points_adjusted
FROM entries
"""

# A sum of digests does not depend on the order of what is summed. No id goes in: two loads of the same history agree.
_CHECKSUM = """
WITH earnings AS (
    SELECT customer_id, ('x' || substr(md5(concat_ws('|', extract(epoch FROM max(occurred_at) FILTER (WHERE kind = 'accrual')),
        sum(points) FILTER (WHERE kind = 'accrual'), coalesce(sum(points) FILTER (WHERE kind = 'reversal'), 0))), 1, 16))::bit(64)::bigint
        AS digest, sum(points) AS points
    FROM entries WHERE kind IN ('accrual', 'reversal') GROUP BY customer_id, order_id
), lifetimes AS (
    SELECT customer_id, sum(digest) AS digest, sum(points) AS lifetime FROM earnings GROUP BY customer_id
), balances AS (
    SELECT customer_id, sum(remaining) AS balance FROM accounts JOIN lots ON account_id = accounts.id GROUP BY customer_id
)
SELECT md5(concat_ws('|', count(*), sum(('x' || substr(md5(concat_ws('|', enrolled_at IS NOT NULL, coalesce(balance, 0),
       coalesce(lifetime, 0), coalesce(digest, 0))), 1, 16))::bit(64)::bigint)))
FROM members LEFT JOIN lifetimes USING (customer_id) LEFT JOIN balances USING (customer_id)
"""

# What an order earned by rules (rate version 0) hangs on its awards.
# Each answers with the ids of what is broken; a sound ledger answers none of them.
_CHECKS: Mapping[str, str] = {
    "entry_unbalanced": "SELECT entry_id AS id FROM postings GROUP BY entry_id HAVING sum(points) <> 0",
    "entry_without_postings": "SELECT id FROM entries WHERE NOT EXISTS (SELECT FROM postings WHERE entry_id = entries.id)",
    "posting_without_entry": "SELECT entry_id AS id FROM postings WHERE NOT EXISTS (SELECT FROM entries WHERE id = entry_id)",
    "posting_differs_from_entry": """
        SELECT entries.id FROM entries
        LEFT JOIN accounts AS wallet ON wallet.id = entries.account_id AND wallet.customer_id = entries.customer_id
        LEFT JOIN accounts AS other ON (other.programme_id, other.wallet) = (wallet.programme_id, wallet.wallet)
            AND other.customer_id IS NULL AND concat_ws(':', other.kind, other.partner_id) = counter
        LEFT JOIN postings ON entry_id = entries.id AND postings.account_id = wallet.id
        LEFT JOIN postings AS against ON against.entry_id = entries.id AND against.account_id = other.id
        WHERE postings.points IS DISTINCT FROM entries.points OR against.points IS DISTINCT FROM -entries.points
    """,
    "member_without_account": """
        SELECT members.customer_id AS id FROM members LEFT JOIN accounts USING (customer_id) WHERE accounts.id IS NULL
    """,
    "lot_differs_from_accrual": """
        SELECT entries.id FROM entries LEFT JOIN lots ON entry_id = entries.id
        WHERE kind = 'accrual' AND (granted, earned_at) IS DISTINCT FROM (points, occurred_at)
    """,
    "overdraft_without_wallet": """
        SELECT id FROM lots WHERE is_overdraft AND id <> 'lot_overdraft_' || account_id
    """,
    "lot_differs_from_draws": """
        SELECT lots.id FROM lots
        LEFT JOIN (SELECT lot_id, sum(points) AS drawn FROM lot_draws GROUP BY lot_id) AS draws ON lot_id = lots.id
        WHERE remaining <> granted - coalesce(drawn, 0)
    """,
    "draws_differ_from_entry": """
        SELECT entries.id FROM entries
        LEFT JOIN (
            SELECT entry_id, account_id, sum(granted) AS granted FROM lots GROUP BY entry_id, account_id
        ) AS opened ON (opened.entry_id, opened.account_id) = (entries.id, entries.account_id)
        LEFT JOIN (
            SELECT lot_draws.entry_id, account_id, sum(points) AS drawn FROM lot_draws JOIN lots ON lots.id = lot_id
            GROUP BY lot_draws.entry_id, account_id
        ) AS draws ON (draws.entry_id, draws.account_id) = (entries.id, entries.account_id)
        WHERE coalesce(granted, 0) - coalesce(drawn, 0) <> points
    """,
    "draw_without_entry_or_lot": """
        SELECT lot_draws.entry_id AS id FROM lot_draws
        LEFT JOIN lots ON lots.id = lot_id LEFT JOIN entries ON entries.id = lot_draws.entry_id
        WHERE lots.account_id IS DISTINCT FROM entries.account_id OR entries.id IS NULL
    """,
    "lot_without_entry": """
        SELECT lots.id FROM lots LEFT JOIN entries ON entries.id = entry_id
        WHERE NOT is_overdraft AND lots.account_id IS DISTINCT FROM entries.account_id
    """,
    "lots_differ_from_balance": """
        SELECT customer_id AS id FROM accounts
        LEFT JOIN (SELECT account_id, sum(points) AS points FROM postings GROUP BY account_id) AS posted ON posted.account_id = accounts.id
        LEFT JOIN (SELECT account_id, sum(remaining) AS points FROM lots GROUP BY account_id) AS open ON open.account_id = accounts.id
        WHERE kind = 'member' AND (coalesce(posted.points, 0) <> coalesce(open.points, 0) OR balance <> coalesce(posted.points, 0))
    """,
    "lifetime_differs_from_entries": """
        SELECT accounts.customer_id AS id FROM accounts
        LEFT JOIN (
            SELECT account_id, sum(points) AS points FROM entries WHERE kind IN ('accrual', 'reversal') GROUP BY account_id
        ) AS earned ON earned.account_id = accounts.id
        WHERE lifetime <> coalesce(earned.points, 0)
    """,
    "lot_without_policy": """
        SELECT lots.id FROM lots JOIN accounts ON accounts.id = account_id LEFT JOIN expiry_policies AS policy
            ON (policy.programme_id, policy.version, policy.kind) = (accounts.programme_id, expiry_version, 'activity')
        WHERE expiry_version <> 0 AND policy.version IS NULL
    """,
    "expired_too_early": """
        SELECT entries.id FROM entries JOIN lot_draws ON lot_draws.entry_id = entries.id JOIN lots ON lots.id = lot_id
        WHERE kind = 'expiry' AND occurred_at < expires_at
        UNION ALL
        (WITH booked AS MATERIALIZED (
            SELECT entries.id, occurred_at, lot_id
            FROM lots JOIN lot_draws ON lot_id = lots.id JOIN entries ON entries.id = lot_draws.entry_id JOIN members USING (customer_id)
            WHERE expiry_version <> 0 AND kind = 'expiry' AND closed_at IS NULL AND NOT starts_with(source_id, 'undo_ent_')
              AND NOT EXISTS (SELECT FROM entries AS undone WHERE undone.source_id = 'undo_' || entries.id)
        )
        SELECT DISTINCT ON (lot_id) id
        FROM booked JOIN lot_expiries(ARRAY(SELECT lot_id FROM booked), clock_timestamp()) AS lasting USING (lot_id)
        WHERE occurred_at < expires_at)
    """,
    "hold_exceeds_lot": """
        SELECT lots.id FROM lots JOIN (
            SELECT lot_id, sum(points) AS held FROM hold_lots WHERE is_open AND until > clock_timestamp() GROUP BY lot_id
        ) AS reserved ON lot_id = lots.id WHERE held > remaining
    """,
    "chain_broken": """
        SELECT id FROM (
            SELECT entries.id, customer_id, sequence, hash, chain_next(
                NULL, coalesce(lag(hash) OVER (PARTITION BY customer_id ORDER BY sequence), ''),
                entry_content(entries.id, entries.account_id, customer_id, kind, source_id, order_id, points, counter, rate_version,
                    rule_version, explanation, occurred_at, recorded_at, sequence, opened.content)
            ) AS expected
            FROM entries LEFT JOIN (
                SELECT entry_id, string_agg(lot_content(id, granted, earned_at, available_from, expires_at, expiry_version), '' ORDER BY id)
                       AS content
                FROM lots GROUP BY entry_id
            ) AS opened ON entry_id = entries.id
        ) AS linked WHERE hash <> expected
    """,
    "chain_cut": """
        SELECT members.customer_id AS id FROM members LEFT JOIN (
            SELECT DISTINCT ON (customer_id) customer_id, hash FROM entries ORDER BY customer_id, sequence DESC
        ) AS last USING (customer_id) WHERE chain_hash <> coalesce(hash, '')
    """,
    "seal_broken": """
        SELECT coalesce(number, seal_number)::text AS id FROM (
            SELECT number, seal_number, root, chains, found, lag(number, 1, 0::bigint) OVER (ORDER BY number) AS before, sha256(
                coalesce(lag(root) OVER (ORDER BY number), '') || convert_to(concat_ws('|', number, chains), 'UTF8') || coalesce(leaves, '')
            ) AS expected
            FROM seals FULL JOIN (
                SELECT seal_number, count(*) AS found,
                       string_agg(sha256(convert_to(ROW(customer_id, sequence)::text, 'UTF8') || hash), '' ORDER BY customer_id) AS leaves
                FROM seal_leaves GROUP BY seal_number
            ) AS grouped ON seal_number = number
        ) AS linked WHERE number IS NULL OR root <> expected OR chains <> coalesce(found, 0) OR number <> before + 1
    """,
    "seal_without_entry": """
        SELECT seal_leaves.customer_id AS id FROM seal_leaves
        LEFT JOIN entries ON (entries.customer_id, entries.hash) = (seal_leaves.customer_id, seal_leaves.hash)
            AND entries.sequence <= seal_leaves.sequence
        WHERE entries.id IS NULL
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
            FROM entries WHERE order_id IS NOT NULL AND kind IN ('accrual', 'reversal') AND counter = 'issuance' AND rule_version IS NULL
            GROUP BY order_id
        ) AS posted ON posted.order_id = orders.order_id
        WHERE coalesce(earned, 0) IS DISTINCT FROM
              CASE WHEN rate_version = 0 THEN 0 ELSE points_for(amount_minor, numerator, denominator) END
           OR coalesce(kept, 0) - points_forgiven IS DISTINCT FROM
              CASE WHEN rate_version = 0 THEN 0 WHEN cancelled_at IS NULL
                  THEN points_for(amount_minor - returned_minor, numerator, denominator) ELSE 0 END
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

_LAST_SEAL = "SELECT number, sealed_at, encode(root, 'hex') AS root FROM seals ORDER BY number DESC LIMIT 1"
_SEAL = "SELECT seal_chains()"


class SealRow(NamedTuple):
    """A seal; its root in hexadecimal."""

    number: int
    sealed_at: datetime
    root: str


async def last_seal(connection: Connection) -> SealRow | None:
    """Return the last seal, or None before the first."""
    row = await connection.fetchrow(_LAST_SEAL)
    return SealRow(*row) if row is not None else None


async def seal(connection: Connection) -> int | None:
    """Seal the chains that have grown since the last seal; return the seal's number, or None when none has."""
    return await connection.fetchval(_SEAL)


async def verify(connection: Connection) -> Proof:
    """Return counts and sums, the failed checks, and a digest of all balances and entries.

    The digest depends neither on ids nor on the order in which things were made: two loads of one history agree.
    """
    async with connection.transaction():
        await connection.execute(_ALLOW)
        row = await connection.fetchrow(_VERIFY, timeout=TIMEOUT_SECONDS)
    assert row is not None
    return Proof(Totals(**row["totals"]), row["checksum"], [Finding(**finding) for finding in row["findings"]])
