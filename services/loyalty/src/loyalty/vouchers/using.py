"""Codes are used: counted against their limits, noted and told of, one or several for a purchase.

The codes' rows are held until the transaction ends, then the person's, then the batches', each in one order: uses wait for each other in
this order only.
"""

from collections.abc import Sequence
from typing import NamedTuple

from asyncpg import Record

from loyalty.abuse.guard import guard
from loyalty.ledger.events import programme_of
from loyalty.vouchers import repository
from loyalty.vouchers.errors import VoucherCampaignLimit, VoucherCustomerLimit
from shared.contracts.loyalty import VoucherRedeemed
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import Family


class Buyer(NamedTuple):
    """Who uses codes, and for which purchase."""

    customer_id: str
    person: Family
    reference: str
    order_minor: int | None
    currency: str | None


async def record(uow: UnitOfWork, buyer: Buyer, used: Sequence[tuple[Record, int | None]], *, caller: str | None = None) -> list[Record]:
    """Note uses of codes that are worth something and whose rows are held, each with what it takes off; return the uses.

    Raises:
        VoucherCustomerLimit: the person has used codes of a batch as often as he may.
        VoucherCampaignLimit: all codes of a batch have been used.
        MemberFrozen: the member is frozen.
        VelocityExceeded: too many codes were used.
    """
    by_batch = sorted((voucher for voucher, _ in used), key=lambda voucher: voucher["batch_id"])
    for _ in used:
        await guard(uow, "voucher_redemption", customer_id=buyer.customer_id, caller=caller)
    for voucher in by_batch:
        await _count_person(uow.connection, voucher, buyer)
    for voucher in by_batch:
        if voucher["limit_total"] is not None and not await repository.count_batch(uow.connection, voucher["batch_id"]):
            raise VoucherCampaignLimit(pointer="/code")
    redemptions = []
    for voucher, off in used:
        facts = (voucher["code"], voucher["batch_id"], buyer.customer_id, buyer.reference, buyer.order_minor, off, buyer.currency)
        redemption = await repository.add_redemption(uow.connection, facts)
        _tell(uow, redemption, voucher)
        redemptions.append(redemption)
    return redemptions


async def _count_person(connection: Connection, voucher: Record, buyer: Buyer) -> None:
    batch_id, limit = voucher["batch_id"], voucher["limit_per_customer"]
    if limit is None:
        return
    await repository.count_customer(connection, batch_id, buyer.person.root_id, 0)
    if (await repository.used_by_family(connection, [batch_id], buyer.person.ids)).get(batch_id, 0) >= limit:
        raise VoucherCustomerLimit(pointer="/customer_id")
    await repository.count_customer(connection, batch_id, buyer.customer_id, 1)


def _tell(uow: UnitOfWork, redemption: Record, voucher: Record) -> None:
    event = VoucherRedeemed(
        redemption_id=redemption["id"],
        customer_id=redemption["customer_id"],
        batch_id=redemption["batch_id"],
        campaign=voucher["campaign"],
        programme_id=programme_of(voucher["programme_id"]),
        discount_minor=redemption["discount_minor"],
        currency=redemption["currency"],
        redeemed_at=redemption["redeemed_at"],
    )
    uow.publish(event, sequence=1)
