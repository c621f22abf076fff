"""What is asked of one customer's consents, audit entries and privacy requests goes by an index, however many there are."""

import pytest

from customers.audit import repository as audit
from customers.consents import repository as consents
from customers.privacy.access_exports import repository as access_exports
from customers.privacy.erasures import repository as erasures
from customers.privacy.restrictions import repository as restrictions
from shared.testing.plans import plan_of

_IDS = "ARRAY['cus_1', 'cus_2']"
_STATEMENTS = [
    ("uq_consents_customer_id_purpose_channel", consents._ANSWERS, _IDS),
    ("uq_consents_customer_id_purpose_channel", consents._ASKED, "ARRAY['cus_1'], ARRAY['news'], ARRAY['email']"),
    ("ix_consent_history_customer_id_recorded_at", consents._HISTORY, _IDS),
    ("ix_consent_decisions_customer_id_decided_at", consents._DECISIONS_OF, _IDS),
    ("ix_consent_decisions_customer_id_decided_at", consents._ERASE["consent_decisions"], _IDS),
    ("pk_restrictions", restrictions._OF, _IDS),
    ("ix_audit_entries_customer_id_id", audit._page_statement(("customer_id",), True), "'cus_1', 2000000000, 20"),
    ("ix_audit_entries_actor_id", audit._page_statement(("actor",), False), "'server:1', 20"),
    ("ix_audit_entries_action_id", audit._page_statement(("action",), False), "'read', 20"),
    ("pk_audit_entries", audit._page_statement((), True), "100, 20"),
    ("uq_audit_chain_entry_id", audit._UNCHAINED, "2900, 100"),
    ("ix_audit_chain_chained_at", audit._FLOOR, None),
    ("pk_audit_chain", audit._LINKS, "100, 100"),
    ("ix_erasures_requested_at_id", erasures._PAGE_AFTER, "20, now(), 'x'"),
    ("pk_erasure_receipts", erasures._RECEIPTS, "ARRAY['era_1']"),
    ("pk_suppressions", erasures._SUPPRESSED, "ARRAY[1], ARRAY['email'], ARRAY['a@b.lv']"),
    ("ix_access_exports_requested_at_id", access_exports._PAGE_AFTER, "20, now(), 'x'"),
    ("ix_access_exports_customer_id", access_exports._DELETE_OF, _IDS),
    ("ix_access_exports_expires_at", access_exports._SHRED, "now()"),
    ("pk_access_export_parts", access_exports._PARTS, "'axp_1'"),
]


@pytest.fixture
async def connection(database):
    async with database.acquire() as connection:
        await connection.execute(
            """
            INSERT INTO customers (id, kind, root_id) SELECT 'cus_' || n, 'individual', 'cus_' || n FROM generate_series(1, 3000) AS n;
            INSERT INTO consents (id, customer_id, purpose, channel, state, source, observed_at)
            SELECT 'con_' || n, 'cus_' || n, 'news', 'email', 'granted', 'x', now() FROM generate_series(1, 3000) AS n;
            INSERT INTO consent_history (consent_id, version, customer_id, purpose, channel, state, source, observed_at, actor)
            SELECT id, 1, customer_id, purpose, channel, state, source, observed_at, 'x' FROM consents;
            INSERT INTO consent_decisions (id, customer_id, purpose, channel, allowed, reason, basis, actor)
            SELECT 'dec_' || n, 'cus_' || n, 'news', 'email', true, 'granted', '{}', 'x' FROM generate_series(1, 3000) AS n;
            INSERT INTO restrictions (customer_id, restricted, actor) SELECT id, false, 'x' FROM customers;
            INSERT INTO audit_chain (link, entry_id, hash, chained_at)
            SELECT row_number() OVER (ORDER BY id), id, '', now() - interval '1 hour' FROM audit_entries;
            INSERT INTO erasures (id, customer_id, customer_ids, reason, reimport, requested_by)
            SELECT 'era_' || n, 'gone_' || n, '{}', 'x', 'anew', 'x' FROM generate_series(1, 3000) AS n;
            INSERT INTO erasure_receipts (erasure_id, service, receipt, kid, erased, erased_at)
            SELECT id, 'loyalty', '', '', '{}', now() FROM erasures;
            INSERT INTO suppressions (digest, erasure_id) SELECT sha256(n::text::bytea), 'era_1' FROM generate_series(1, 3000) AS n;
            INSERT INTO access_exports (id, customer_id, customer_ids, public_key, private_key, requested_by, expires_at)
            SELECT 'axp_' || n, 'cus_' || n, '{}', '', '', 'x', now() + interval '1 day' FROM generate_series(1, 3000) AS n;
            INSERT INTO access_export_parts (export_id, service, number, "of", sealed, sha256, provided_at)
            SELECT id, 'loyalty', 1, 1, '', '', now() FROM access_exports;
            ANALYZE;
            SET LOCAL enable_seqscan = off;
            """
        )
        yield connection


async def test_the_indexes_are_used(connection):
    # One test for all: filling the tables takes longer than asking for twenty plans.
    missed = {}
    for index, statement, values in _STATEMENTS:
        plan = await plan_of(connection, statement, values)
        if index not in plan:
            missed[index, statement] = plan
    assert missed == {}
