"""What is asked of one member, partner or referral needs an index however many others there are."""

from loyalty.abuse import repository as abuse
from loyalty.abuse import withholding
from loyalty.partners import repository as partners
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.referrals import repository as referrals
from shared.testing.plans import plan_of

_AFTER, _EVER = "'2000-01-01', ''", "'2100-01-01', 'x'"
_STATEMENTS = [
    ("ix_velocity_limits_created_at", abuse._LIMITS, f"20, {_AFTER}"),
    ("ix_member_freezes_customer_id", abuse._FREEZES, f"'cus_7', 20, {_EVER}"),
    ("uq_member_freezes_customer_id", abuse._IS_FROZEN, "'cus_7'"),
    ("uq_reviews_open", abuse._FIND_OPEN, "'earning', 'ord_7'"),
    ("ix_reviews_opened_at", abuse.page_statement(()), f"20, {_AFTER}"),
    ("ix_reviews_state", abuse.page_statement(("state",)), f"20, {_AFTER}, 'open'"),
    ("ix_reviews_customer_id", abuse.page_statement(("customer_id",)), f"20, {_AFTER}, 'cus_7'"),
    ("ix_withheld_events_order_id", withholding._BEHIND, "ARRAY['ord_7']"),
    ("ix_withheld_events_review_id", withholding._WAITING, "'rvw_7'"),
    ("ix_partners_created_at", partners._PAGE, f"20, {_AFTER}"),
    ("pk_partner_keys", partners._OF_KEY, "'key_7'"),
    ("ix_partner_keys_partner_id", partners._KEYS, "'prt_7', 20, ''"),
    ("uq_partner_transactions_partner_id_reference", partners._BY_REFERENCE, "'prt_7', 'r'"),
    ("ix_partner_transactions_of_partner", partners._TRANSACTIONS, f"'prt_7', 20, {_EVER}"),
    ("ix_partner_transactions_of_partner", partners._LINES, "'prt_7', '2026-01-01', '2026-02-01'"),
    ("ix_partner_transactions_customer_id", partners._COLLECT, "ARRAY['cus_7']"),
    ("uq_partner_settlements_partner_id_from_at", partners._SETTLEMENTS, "'prt_7', 20, '2100-01-01'"),
    ("uq_referral_codes_customer_id", referrals._CODE, "'cus_7'"),
    ("pk_referral_codes", referrals._OF_CODE, "'C7'"),
    ("ix_referrals_of_referrer", referrals._COUNTS, "'cus_7'"),
    ("uq_referrals_referred_id", referrals._TOUCHED, "ARRAY['cus_7'], ARRAY['refused']"),
    ("ix_referrals_due", referrals._DUE, "'2026-03-01', 200"),
    ("ix_referrals_reversing", referrals._REVERSING, "200"),
    ("ix_referrals_lapsing", referrals._LAPSING, "'2026-03-01', 200"),
    ("ix_referrals_created_at", referrals.page_statement(()), f"20, {_EVER}"),
    ("ix_referrals_state", referrals.page_statement(("state",)), f"20, {_EVER}, 'pending'"),
    ("ix_referrals_of_referrer", referrals.page_statement(("referrer_id",)), f"20, {_EVER}, 'cus_7'"),
]
_FILL = """
INSERT INTO members (customer_id) SELECT 'cus_' || n FROM generate_series(1, 3000) AS n;
INSERT INTO velocity_limits (id, name, action, subject, measure, window_seconds, maximum)
SELECT 'lim_' || n, 'x', 'hold', 'member', 'count', 60, 9 FROM generate_series(1, 300) AS n;
INSERT INTO member_freezes (id, customer_id, earning, frozen_by, unfrozen_at, unfrozen_by)
SELECT 'frz_' || n, 'cus_' || n, 'continues', 'x', CASE WHEN n % 9 > 0 THEN now() END, CASE WHEN n % 9 > 0 THEN 'x' END
FROM generate_series(1, 3000) AS n;
INSERT INTO reviews (id, kind, subject_id, customer_id, reasons, score, state, opened_at, decided_at, decided_by)
SELECT 'rvw_' || n, 'earning', 'ord_' || n, 'cus_' || n, '{{}}', 1, CASE WHEN n % 9 = 0 THEN 'open' ELSE 'approved' END,
       now() - n * interval '1 minute', CASE WHEN n % 9 > 0 THEN now() END, CASE WHEN n % 9 > 0 THEN 'x' END
FROM generate_series(1, 3000) AS n;
INSERT INTO withheld_events (review_id, customer_id, order_id, type, source_id, payload)
SELECT 'rvw_' || n, 'cus_' || n, 'ord_' || n, 't', 'ord_' || n, '{{}}' FROM generate_series(1, 3000) AS n;
INSERT INTO partners (id, programme_id, name, may_accrue, may_redeem, currency, accrual_price_minor, accrual_price_points,
    redemption_price_minor, redemption_price_points, accrual_limits, redemption_limits, created_at)
SELECT 'prt_' || n, '{programme}', 'x', true, true, 'EUR', 1, 1, 1, 1, '{{}}', '{{}}', now() - n * interval '1 minute'
FROM generate_series(1, 300) AS n;
INSERT INTO partner_keys (key_id, partner_id, bound_by) SELECT 'key_' || n, 'prt_' || 1 + n % 300, 'x' FROM generate_series(1, 3000) AS n;
INSERT INTO partner_transactions (id, partner_id, direction, reference, customer_id, points, price_minor, price_points, occurred_at, state,
    posted_at)
SELECT 'ptx_' || n, 'prt_' || 1 + n % 300, 'accrual', 'r' || n, 'cus_' || 1 + n % 3000, 1, 1, 1, now(), 'posted',
       now() - n * interval '1 hour'
FROM generate_series(1, 9000) AS n;
INSERT INTO partner_settlements (id, partner_id, from_at, until_at, report, closed_by)
SELECT 'stl_' || n, 'prt_' || 1 + n % 300, timestamptz '2020-01-01' + n * interval '1 day', timestamptz '2020-01-02' + n * interval '1 day',
       '{{}}', 'x'
FROM generate_series(1, 3000) AS n;
INSERT INTO referral_codes (code, customer_id) SELECT 'C' || n, 'cus_' || n FROM generate_series(1, 3000) AS n;
INSERT INTO referrals (id, code, referrer_id, referred_id, scheme_version, used_at, lapses_at, state, due_at, completed_at, created_at)
SELECT 'rfl_' || n, 'C' || 1 + n % 300, 'cus_' || 1 + n % 300, 'cus_x' || n, 1, now(), now() + n * interval '1 hour',
       CASE n % 9 WHEN 0 THEN 'qualified' WHEN 1 THEN 'pending' WHEN 2 THEN 'reversing' ELSE 'completed' END,
       CASE WHEN n % 9 <> 1 THEN now() + n * interval '1 hour' END, CASE WHEN n % 9 > 1 THEN now() END, now() - n * interval '1 minute'
FROM generate_series(1, 9000) AS n;
ANALYZE members; ANALYZE velocity_limits; ANALYZE member_freezes; ANALYZE reviews; ANALYZE withheld_events; ANALYZE partners;
ANALYZE partner_keys; ANALYZE partner_transactions; ANALYZE partner_settlements; ANALYZE referral_codes; ANALYZE referrals;
SET LOCAL enable_seqscan = off;
"""


async def test_each_index_is_used(database):
    async with database.acquire() as connection:
        # One database for all: filling it takes longer than asking.
        await connection.execute(_FILL.format(programme=PROGRAMME_ID))
        for index, statement, values in _STATEMENTS:
            plan = await plan_of(connection, statement, values)
            assert index in plan, f"{statement}\n{plan}"
