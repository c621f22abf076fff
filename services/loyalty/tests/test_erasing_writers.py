"""Whoever stores something of a member is waited for by his erasure, and comes too late after it."""

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from loyalty.abuse import freezing
from loyalty.adjustments import service as adjustments
from loyalty.adjustments.schemas import AdjustmentRequest
from loyalty.app import SERVICE
from loyalty.members.errors import MemberNotFound
from loyalty.vouchers import service as vouchers
from loyalty.vouchers.schemas import VoucherBatchDraft, VoucherUse
from shared.contracts.customers import CustomerErased
from shared.database.unit_of_work import UnitOfWork
from shared.testing.bus import deliver
from shared.testing.databases import until_table_lock_waits

AT = datetime(2026, 3, 1, tzinfo=UTC)
ERASED = CustomerErased(erasure_id="era_1", customer_id="cus_1", customer_ids=["cus_1"], requested_at=AT)


async def use_a_voucher(database):
    async with UnitOfWork(database) as uow:
        batch, _ = await vouchers.make_batch(uow, VoucherBatchDraft(campaign="spring", count=1, percent_bp=1_000), caller="prn_1")
        [voucher] = await vouchers.codes_of(uow.connection, batch["id"], 1, None)
        await uow.commit()
    return lambda uow: vouchers.redeem(uow, VoucherUse(code=voucher["code"], customer_id="cus_1", reference="receipt-1"))


async def give_points(database):
    wanted = AdjustmentRequest(customer_id="cus_1", points=5, reason="sorry")
    return lambda uow: adjustments.request(uow, wanted, limit=100, caller="prn_1")


async def freeze(database):
    return partial(freezing.freeze, customer_id="cus_1", earning="continues", reason="odd", caller="prn_1")


@pytest.mark.parametrize("prepare", [use_a_voucher, give_points, freeze])
async def test_an_erasure_waits_for_who_stores_something(committed_database, committed_ledger, story, prepare):
    await committed_ledger.hear(story.registered("cus_1"))
    act = await prepare(committed_database)
    async with UnitOfWork(committed_database) as uow:
        await act(uow)
        erasing = asyncio.create_task(deliver(committed_database, SERVICE, [(ERASED, 1)]))
        await until_table_lock_waits(committed_database)
        assert not erasing.done()
        await uow.commit()
    assert (await erasing).applied == 1
    async with UnitOfWork(committed_database) as uow:
        with pytest.raises(MemberNotFound):
            await act(uow)
