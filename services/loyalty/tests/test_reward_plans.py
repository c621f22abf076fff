"""What is asked of one member, reward or campaign needs an index however many others there are."""

import pytest

from loyalty.offers import generating, repository, settling
from loyalty.payments import repository as payments
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.redemptions import repository as redemptions
from loyalty.rewards import repository as rewards
from loyalty.vouchers import repository as vouchers
from shared.testing.databases import rolled_back
from shared.testing.plans import plan_of

_NOW = "'2026-03-01'"
_AFTER = "'2100-01-01', 'x'"
_STATEMENTS = [
    ("pk_rewards", rewards._FIND, "NULL, 'rew_7'"),
    ("ix_redemptions_waiting", rewards._FIND, "NULL, 'rew_7'"),
    ("ix_rewards_programme_id_sort_rank_id", rewards._PAGE_OF_ALL, f"NULL, '{PROGRAMME_ID}', 20, 5, 'x'"),
    ("ix_voucher_batches_programme_id_created_at_id", vouchers._BATCHES, f"'{PROGRAMME_ID}', 20, {_AFTER}"),
    ("ix_offer_campaigns_programme_id_created_at_id", repository._CAMPAIGNS, f"'{PROGRAMME_ID}', 20, {_AFTER}"),
    ("ix_rewards_open", rewards._OPEN, f"NULL, '{PROGRAMME_ID}', 500"),
    ("pk_rewards", rewards._TAKE, "'rew_7', 1"),
    ("ix_redemptions_customer_id_reward_id", rewards._HAD, f"ARRAY['cus_7'], ARRAY['rew_7'], {_NOW}"),
    ("ix_vouchers_free", rewards._TAKE_CODES, "'vbt_1', 'cus_7', 1"),
    ("pk_vouchers", vouchers._VOUCHERS, "ARRAY['C7', 'C9']"),
    ("pk_voucher_customers", vouchers._USED_BY_FAMILY, "ARRAY['vbt_1'], ARRAY['cus_7']"),
    ("uq_voucher_redemptions_live", vouchers._LIVE_OF_CODES, "ARRAY['C7', 'C9'], 'r7'"),
    ("ix_voucher_redemptions_customer_id_redeemed_at_id", vouchers._USES_FOR, "ARRAY['cus_7'], 'r7'"),
    ("uq_point_payments_live", payments._LIVE, "ARRAY['cus_7'], 'r7'"),
    ("ix_point_payments_customer_id_paid_at_id", payments._ALL_OF, "ARRAY['cus_7']"),
    ("pk_redemptions", redemptions._FIND, "NULL, 'rdm_7'"),
    ("ix_redemptions_created_at_id", redemptions._ALL, f"NULL, 20, {_AFTER}"),
    ("ix_redemptions_customer_id_created_at_id", redemptions._OF_FAMILY, f"NULL, 20, {_AFTER}, ARRAY['cus_7']"),
    ("ix_redemptions_status_created_at_id", redemptions._OF_STATUS, f"NULL, 20, {_AFTER}, 'fulfilled'"),
    ("ix_redemptions_due", redemptions._DUE, "NULL, 200"),
    ("ix_redemptions_waiting", redemptions._DUE_OF_REWARD, "NULL, 200, 'rew_7'"),
    ("pk_offers", repository._FIND, "'ofr_7'"),
    ("ix_offers_customer_id_valid_until_id", repository._OF_FAMILY, f"ARRAY['cus_7'], 20, {_NOW}, '', false, NULL"),
    ("ix_offers_due", repository._EXPIRE, "200, NULL"),
    ("ix_orders_customer_id_placed_at", settling._WINNERS, f"ARRAY['ofr_7'], '{PROGRAMME_ID}'"),
    ("pk_purchase_lines", settling._WINNERS, f"ARRAY['ofr_7'], '{PROGRAMME_ID}'"),
    ("uq_offers_campaign_id_customer_id_target_made_at", repository._COUNTS, "'ofc_7'"),
    ("pk_members", generating._ROOTS, "'cus_7', 250"),
]
_FILL = """
INSERT INTO members (customer_id) SELECT 'cus_' || n FROM generate_series(1, 2000) AS n;
INSERT INTO rewards (id, programme_id, name, kind, wallet, prices, stock, sort_rank, fulfil_within_days, archived_at)
SELECT 'rew_' || n, '{programme}', '{{"en": "x"}}', 'goods', 'points', '[]', 9, n % 50, 14, CASE WHEN n % 4 > 0 THEN now() END
FROM generate_series(1, 400) AS n;
INSERT INTO redemptions (id, reward_id, customer_id, quantity, option, points, wallet, status, hold_id, created_at, expires_at)
SELECT 'rdm_' || n, 'rew_' || 1 + n % 400, 'cus_' || 1 + n % 20, 1, 'points', 1, 'points',
       CASE WHEN n % 9 = 0 THEN 'pending' ELSE 'fulfilled' END, 'hol_' || n, now() - n * interval '1 minute',
       now() + n * interval '1 minute'
FROM generate_series(1, 6000) AS n;
INSERT INTO voucher_batches (id, programme_id, campaign, kind, limit_per_code, count)
SELECT 'vbt_' || n, '{programme}', 'x', 'shipping', 1, 3000 FROM generate_series(1, 40) AS n;
INSERT INTO vouchers (code, batch_id, customer_id)
SELECT 'C' || n, 'vbt_1', CASE WHEN n % 30 > 0 THEN 'cus_7' END FROM generate_series(1, 3000) AS n;
INSERT INTO voucher_redemptions (id, code, batch_id, customer_id, reference)
SELECT 'vrd_' || n, 'C' || n, 'vbt_1', 'cus_' || 1 + n % 500, 'r' || n FROM generate_series(1, 3000) AS n;
INSERT INTO point_payments (id, programme_id, customer_id, reference, points, amount_minor, currency)
SELECT 'pay_' || n, '{programme}', 'cus_' || 1 + n % 500, 'r' || n, 1, 1, 'EUR' FROM generate_series(1, 3000) AS n;
INSERT INTO voucher_customers (batch_id, customer_id, redeemed)
SELECT 'vbt_1', 'cus_' || n, 1 FROM generate_series(1, 500) AS n;
INSERT INTO offer_campaigns (id, programme_id, name, strategy, parameters, benefit, validity_days, control_share_bp, max_per_member,
    needs_activation, salt)
SELECT 'ofc_' || n, '{programme}', '{{"en": "x"}}', 'affinity', '{{}}', '{{"kind": "points", "points": 1}}', 14, 0, 3, false, 's'
FROM generate_series(1, 40) AS n;
INSERT INTO offers (id, campaign_id, customer_id, is_control, target_kind, target, reason, made_at, valid_until)
SELECT 'ofr_' || n, 'ofc_' || 1 + n % 40, 'cus_' || 1 + n % 2000, false, 'sku', 't' || n, '{{}}', now(), now() + n * interval '1 minute'
FROM generate_series(1, 6000) AS n;
INSERT INTO purchase_lines (customer_id, order_id, sku, source_id, quantity, amount_minor, placed_at)
SELECT 'cus_' || 1 + n % 2000, 'ord_' || n, 't', 'ord_' || n, 1, 1, now() FROM generate_series(1, 12000) AS n;
ANALYZE rewards, redemptions, voucher_batches, vouchers, voucher_redemptions, voucher_customers, point_payments;
ANALYZE offers, purchase_lines, members;
SET LOCAL enable_seqscan = off;
"""


@pytest.fixture(scope="module")
async def filled(pools, service):
    async with pools.lend(service) as connection:
        await connection.execute(_FILL.format(programme=PROGRAMME_ID))
        yield connection


@pytest.fixture
async def connection(filled):
    async with rolled_back(filled) as connection:
        yield connection


@pytest.mark.parametrize(("index", "statement", "values"), _STATEMENTS, ids=[f"{n}-{each[0]}" for n, each in enumerate(_STATEMENTS)])
async def test_the_index_is_used(connection, index, statement, values):
    plan = await plan_of(connection, statement, values)
    assert index in plan, plan
    # Programmes are few; a small table may be read as a whole.
    assert not [line for line in plan.splitlines() if "Seq Scan on" in line and "programme" not in line], plan
