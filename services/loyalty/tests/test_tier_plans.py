"""What is asked of one member's tiers, challenges and badges needs an index however many others there are."""

from loyalty.badges import repository as badges
from loyalty.challenges import repository as challenges
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.tiers import repository as tiers
from shared.testing.plans import plan_of

_P = f"'{PROGRAMME_ID}'"
_US = "ARRAY['cus_7']"
# What the sums over a window read.
_FACTS_OF = "SELECT sum(amount) FROM tier_facts($1, $2, $3, $4, now() - interval '1 year', now(), now())"
_STATEMENTS = [
    ("uq_tiers_programme_id_rank", tiers._TIERS, f"{_P}, 0, 20"),
    ("ix_orders_customer_id_placed_at", tiers._HISTORIES, f"{_P}, true, ARRAY[]::text[], {_US}, '-infinity', now(), 'infinity'"),
    ("ix_entries_of_member", tiers._HISTORIES, f"{_P}, false, ARRAY['points'], {_US}, '-infinity', now(), 'infinity'"),
    ("ix_order_returns_order_id", tiers._HISTORIES, f"{_P}, true, ARRAY[]::text[], {_US}, '-infinity', now(), 'infinity'"),
    ("ix_tier_news_customer_id", tiers._STANDING, f"{_P}, 'cus_7'"),
    ("pk_tier_standings", tiers._KEPT, f"{_P}, {_US}"),
    ("ix_tier_news_customer_id", tiers._KEPT, f"{_P}, {_US}"),
    ("pk_tier_news", tiers._UNHEARD, "100"),
    ("ix_tier_changes_customer_id", tiers._BOOKED_OF, f"{_P}, {_US}"),
    ("ix_orders_customer_id_placed_at", _FACTS_OF, f"{_P}, 'spend', '', 'cus_7'"),
    ("ix_entries_of_member", _FACTS_OF, f"{_P}, 'points', 'points', 'cus_7'"),
    ("ix_entries_reversals_of_member", _FACTS_OF, f"{_P}, 'points', 'points', 'cus_7'"),
    ("pk_tier_standings", tiers._STANDING, f"{_P}, 'cus_7'"),
    ("ix_tier_changes_customer_id", tiers._BOOKED, f"{_P}, 'cus_7'"),
    ("ix_tier_changes_customer_id", tiers._SUPERSEDE, f"{_P}, {_US}, ARRAY[now()]"),
    ("ix_tier_standings_until", tiers._LOSSES, f"{_P}, 30, 20, now(), 'x'"),
    ("ix_tier_standings_until", tiers._LAPSED, "now(), 100"),
    ("pk_members", tiers._NEXT_MEMBERS, "'cus_7', 100"),
    ("ix_challenges_created_at", challenges._PAGE, f"{_P}, 20, now(), 'x'"),
    ("ix_challenge_facts_customer_id", challenges._FACTS, "ARRAY['chl_1'], 'cus_7'"),
    ("ix_challenge_facts_customer_id", challenges._OF_MEMBER, f"{_P}, 'cus_7', 20, now(), 'x'"),
    # Either of two serves.
    ("_challenge_completions_", challenges._COMPLETED, "ARRAY['chl_1'], 'cus_7'"),
    ("ix_challenge_returns_order_id", challenges._RETURNS, "ARRAY['ord_7']"),
    ("pk_challenge_orders", challenges._ORDERS, "ARRAY['ord_7']"),
    ("pk_badges", badges._PAGE, f"{_P}, 'x', 20"),
    ("uq_badge_awards_live", badges._OF_MEMBER, f"{_P}, 'cus_7', 20, now(), 'x'"),
    ("ix_badge_awards_source_id", badges._REVOKE, "ARRAY['chc_7']"),
]
_FILL = """
INSERT INTO members (customer_id) SELECT 'cus_' || n FROM generate_series(1, 3000) AS n;
INSERT INTO orders (order_id, customer_id, programme_id, rate_version, placed_at, amount_minor, returned_minor)
SELECT 'ord_' || n, 'cus_' || 1 + n % 3000, '{programme}', 0, now(), 1, 1 FROM generate_series(1, 9000) AS n;
INSERT INTO order_returns (return_id, order_id, amount_minor, returned_at)
SELECT 'ret_' || n, 'ord_' || n, 1, now() FROM generate_series(1, 9000) AS n;
INSERT INTO accounts (programme_id, kind, customer_id) SELECT '{programme}', 'member', 'cus_' || n FROM generate_series(1, 3000) AS n;
INSERT INTO tiers (programme_id, code, name, rank, threshold, benefits)
SELECT '{programme}', 'tier_' || n, '{{}}', n, n, '{{}}' FROM generate_series(1, 90) AS n;
INSERT INTO tier_standings (programme_id, customer_id, tier, until)
SELECT '{programme}', 'cus_' || n, 'gold', now() + n * interval '1 day' FROM generate_series(1, 3000) AS n;
INSERT INTO tier_changes (id, programme_id, customer_id, tier, changed_at, reason, scheme_version)
SELECT 'tch_' || n, '{programme}', 'cus_' || 1 + n % 3000, 'gold', now(), 'earned', 1 FROM generate_series(1, 6000) AS n;
INSERT INTO challenges (id, programme_id, name, terms, starts_at)
SELECT 'chl_' || n, '{programme}', '{{}}', '{{"goal": {{"kind": "count"}}}}', now() FROM generate_series(1, 300) AS n;
INSERT INTO challenge_facts SELECT 'chl_' || 1 + n % 300, 'ord_' || n, 'cus_' || 1 + n % 3000, now(), 1 FROM generate_series(1, 9000) AS n;
INSERT INTO challenge_orders SELECT 'ord_' || n, 'cus_' || 1 + n % 3000, now(), '{{}}', '{{}}' FROM generate_series(1, 9000) AS n;
INSERT INTO challenge_returns SELECT 'ret_' || n, 'ord_' || n, 'cus_' || n, now(), 1, '[]' FROM generate_series(1, 9000) AS n;
INSERT INTO challenge_completions (id, challenge_id, customer_id, number, completed_at)
SELECT 'chc_' || n, 'chl_' || 1 + n % 300, 'cus_' || 1 + n % 3000, n, now() FROM generate_series(1, 9000) AS n;
INSERT INTO badges (programme_id, code, name) SELECT '{programme}', 'badge_' || n, '{{}}' FROM generate_series(1, 300) AS n;
INSERT INTO badge_awards (id, programme_id, badge, customer_id, source, source_id, awarded_at)
SELECT 'bdg_' || n, '{programme}', 'badge_' || 1 + n % 300, 'cus_' || n % 3000, 'challenge', 'chc_' || n, now()
FROM generate_series(1, 3000) AS n;
INSERT INTO entries (id, customer_id, account_id, counter, kind, source_id, points, occurred_at, sequence, hash)
SELECT 'ent_' || id || '_' || n, customer_id, id, 'issuance', 'accrual', 'src_' || id || '_' || n, 1, now(), n, ''
FROM accounts, generate_series(1, 3) AS n
WHERE customer_id IS NOT NULL;
ANALYZE members; ANALYZE orders; ANALYZE order_returns; ANALYZE accounts; ANALYZE tiers; ANALYZE tier_standings; ANALYZE tier_changes;
ANALYZE challenges; ANALYZE challenge_facts; ANALYZE challenge_orders; ANALYZE challenge_returns; ANALYZE challenge_completions;
ANALYZE badges; ANALYZE badge_awards; ANALYZE entries;
SET LOCAL enable_seqscan = off;
"""


async def test_each_statement_uses_its_index(database):
    async with database.acquire() as connection:
        await connection.execute(_FILL.format(programme=PROGRAMME_ID))
        for index, statement, values in _STATEMENTS:
            plan = await plan_of(connection, statement, values)
            assert index in plan, plan
            # Programmes are few; a small table may be read as a whole.
            assert not [line for line in plan.splitlines() if "Seq Scan on" in line and "programme" not in line], plan
