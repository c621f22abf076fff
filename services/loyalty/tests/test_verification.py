"""The proof of the ledger: what it counts, and that it finds each way of being broken."""

import pytest

from loyalty.verification.repository import _CHECKS, seal
from loyalty.verification.rules import Totals, is_sound

# Statements that break a ledger in one way each, and what must be found.
DAMAGES = {
    "entry_unbalanced": ["UPDATE postings SET points = points + 1 WHERE points < -5"],
    "entry_without_postings": ["DELETE FROM postings"],
    "posting_without_entry": ["DELETE FROM entries WHERE kind = 'reversal'"],
    "posting_differs_from_entry": ["UPDATE entries SET points = points + 1 WHERE kind = 'accrual'"],
    "member_without_account": ["INSERT INTO members (customer_id) VALUES ('cus_new')"],
    "lot_differs_from_accrual": ["UPDATE lots SET earned_at = earned_at + interval '1 day'"],
    "lot_differs_from_draws": ["UPDATE lots SET remaining = remaining - 1"],
    "draws_differ_from_entry": ["DELETE FROM lot_draws"],
    "draw_without_entry_or_lot": ["UPDATE lot_draws SET lot_id = 'lot_none'"],
    "lot_without_entry": ["UPDATE lots SET entry_id = 'ent_none'"],
    "overdraft_without_wallet": [
        (
            "INSERT INTO lots (id, account_id, entry_id, granted, remaining, earned_at, is_overdraft)"
            " SELECT 'lot_x', id, '', 0, 0, '-infinity', true FROM accounts WHERE kind = 'member'"
        )
    ],
    "lot_without_policy": ["UPDATE lots SET expiry_version = 1"],
    "expired_too_early": ["UPDATE entries SET kind = 'expiry' WHERE kind = 'reversal'"],
    "lifetime_differs_from_entries": ["UPDATE accounts SET lifetime = lifetime + 1 WHERE kind = 'member'"],
    "hold_exceeds_lot": [
        (
            "INSERT INTO holds (id, programme_id, wallet, customer_id, points, created_at, expires_at)"
            " SELECT 'hol_1', programme_id, wallet, customer_id, 9, now(), now() + interval '1 day' FROM accounts WHERE kind = 'member'"
        ),
        (
            "INSERT INTO hold_lots (hold_id, lot_id, account_id, points, until)"
            " SELECT 'hol_1', id, account_id, 9, now() + interval '1 day' FROM lots"
        ),
    ],
    "chain_broken": ["UPDATE entries SET occurred_at = occurred_at + interval '1 day' WHERE kind = 'reversal'"],
    "chain_cut": ["UPDATE members SET chain_hash = 'x'"],
    "seal_broken": ["UPDATE seals SET root = 'x'"],
    "seal_without_entry": ["UPDATE seal_leaves SET hash = 'x'"],
    "lots_differ_from_balance": ["UPDATE lots SET granted = granted + 1, remaining = remaining + 1"],
    "order_differs_from_returns": ["DELETE FROM order_returns"],
    "entries_differ_from_order": ["DELETE FROM order_returns", "DELETE FROM orders"],
}


@pytest.fixture
async def history(ledger, story):
    order = story.placed("ord_1", 1_000)
    await ledger.hear(story.registered(), order, story.placed("ord_2", 50), story.returned(order, "ret_1", 450))
    async with ledger.database.acquire() as connection:
        await seal(connection)
    return ledger


async def test_an_empty_ledger_is_sound(ledger):
    proof = await ledger.proof()
    assert is_sound(proof)
    assert proof.totals == Totals(members=0, accounts=1, lots=0, sum=0, points_outstanding=0, entries=0, points_issued=0, points_reversed=0)


async def test_it_counts_and_sums_everything(history):
    proof = await history.proof()
    assert is_sound(proof)
    assert proof.totals == Totals(
        members=1, accounts=2, lots=1, sum=0, points_outstanding=5, entries=2, points_issued=10, points_reversed=5
    )


def test_each_check_has_its_damage():
    assert DAMAGES.keys() == _CHECKS.keys()


@pytest.mark.parametrize("code", DAMAGES)
async def test_each_damage_is_found(history, code):
    for table in ("entries", "postings", "lots", "lot_draws", "orders", "order_returns", "seals", "seal_leaves"):
        await history.fetch(f"GRANT ALL ON {table} TO CURRENT_USER")
        await history.fetch(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in DAMAGES[code]:
        await history.fetch(statement)
    proof = await history.proof()
    assert not is_sound(proof)
    [finding] = [found for found in proof.findings if found.code == code]
    assert finding.broken >= 1
    assert finding.examples
