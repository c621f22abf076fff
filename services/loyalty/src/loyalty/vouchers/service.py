"""What can be done with vouchers: made in batches, looked at, used once for a purchase, taken back."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asyncpg import Record

from loyalty.abuse.guard import guard_guesses, note_wrong_guess
from loyalty.members import service as members
from loyalty.participations.repository import absent
from loyalty.programmes import service as programmes
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.vouchers import repository
from loyalty.vouchers.errors import (
    VoucherBatchNotFound,
    VoucherCampaignLimit,
    VoucherCustomerLimit,
    VoucherNotFound,
    VoucherProgrammeLeft,
    VoucherRedemptionNotFound,
    VoucherReferenceTaken,
    VoucherRefused,
    VoucherTermsInvalid,
)
from loyalty.vouchers.rules import Article, Purchase, Terms, discount, new_codes, normalised, offending_field, refusal
from loyalty.vouchers.schemas import VoucherBatchDraft, VoucherQuestion, VoucherUse
from loyalty.vouchers.using import Buyer, record
from shared.contracts.loyalty import VoucherRolledBack
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.following.links import Family, family
from shared.http.etags import check_version
from shared.http.jobs import Job, enqueue

GENERATE = "voucher_codes"
# As many codes are made while the caller waits; it takes some tens of milliseconds.
AT_ONCE = 10_000
_STEP = 10_000
_DEFAULT_PERCENT_BP = 1_000


async def make_batch(uow: UnitOfWork, draft: VoucherBatchDraft, caller: str) -> tuple[Record, str | None]:
    """Make a batch; return it, and the job that makes its codes when there are many.

    Raises:
        ProgrammeNotFound: there is no such programme.
        VoucherTermsInvalid: a field does not belong to the kind, or is missing.
    """
    programme_id = await programmes.require(uow.connection, draft.programme_id)
    values = draft.model_dump()
    if draft.kind == "percent" and draft.percent_bp is None:
        values["percent_bp"] = _DEFAULT_PERCENT_BP
    field = offending_field(terms_of(values | {"active": True, "zone": "UTC"}))
    if field is not None:
        raise VoucherTermsInvalid(pointer=f"/{field}")
    batch = await repository.add_batch(uow.connection, programme_id, values)
    if draft.count > AT_ONCE:
        return batch, await enqueue(uow, GENERATE, {"batch_id": batch["id"]}, caller=caller, total=draft.count)
    await _fill(uow.connection, batch, draft.count)
    return await found_batch(uow.connection, batch["id"]), None


async def generate(job: Job) -> Mapping[str, Any]:
    """Make the codes of a large batch, step by step; goes on where it stood after a crash."""
    generated, count = 0, 1
    while generated < count:
        async with job.unit_of_work() as uow:
            batch = await repository.get_batch(uow.connection, job.arguments["batch_id"], lock=True)
            assert batch is not None
            count = batch["count"]
            generated = await _fill(uow.connection, batch, min(count, batch["generated"] + _STEP))
        await job.progress(generated, count)
    return {"batch_id": job.arguments["batch_id"], "generated": generated}


async def _fill(connection: Connection, batch: Record, wanted: int) -> int:
    generated = batch["generated"]
    while generated < wanted:
        # Random codes take their time, and belong off the loop.
        codes = await asyncio.to_thread(new_codes, wanted - generated, batch["prefix"])
        generated = await repository.add_codes(connection, batch["id"], list(codes))
    return generated


async def found_batch(connection: Connection, batch_id: str) -> Record:
    """Return a batch.

    Raises:
        VoucherBatchNotFound: there is none.
    """
    batch = await repository.get_batch(connection, batch_id)
    if batch is None:
        raise VoucherBatchNotFound
    return batch


async def amend_batch(uow: UnitOfWork, batch_id: str, changes: Mapping[str, Any], match: int) -> Record:
    """Stop a campaign, start it again, or change its end.

    Raises:
        VoucherBatchNotFound: there is none.
        PreconditionFailed: it was changed since.
        VoucherTermsInvalid: it would end before it begins.
    """
    batch = await repository.get_batch(uow.connection, batch_id, lock=True)
    if batch is None:
        raise VoucherBatchNotFound
    check_version(match, batch["version"])
    active = batch["active"] if changes.get("active") is None else changes["active"]
    valid_to = changes.get("valid_to", batch["valid_to"])
    field = offending_field(terms_of({**batch, "valid_to": valid_to, "zone": "UTC"}))
    if field is not None:
        raise VoucherTermsInvalid(pointer=f"/{field}")
    return await repository.amend_batch(uow.connection, batch_id, active=active, valid_to=valid_to)


async def codes_of(connection: Connection, batch_id: str, limit: int, after: tuple[Any, ...] | None) -> list[Record]:
    """Return the codes of a batch.

    Raises:
        VoucherBatchNotFound: there is none.
    """
    await found_batch(connection, batch_id)
    return await repository.codes(connection, batch_id, limit, after)


async def found(connection: Connection, code: str) -> Record:
    """Return a code.

    Raises:
        VoucherNotFound: there is none.
    """
    voucher = await repository.voucher(connection, normalised(code))
    if voucher is None:
        raise VoucherNotFound
    return voucher


async def found_among(connection: Connection, codes: Sequence[str], *, lock: bool = False) -> dict[str, Record]:
    """Return those of some codes that there are, each with the terms of its batch, locked if asked; codes are as they are stored."""
    return {row["code"]: row for row in await repository.vouchers(connection, codes, lock=lock)}


async def used_by(connection: Connection, some: Iterable[Record], person: Family) -> dict[str, int]:
    """Return how often a person has used codes of the batches of some codes, of those batches that limit it."""
    limiting = {voucher["batch_id"] for voucher in some if voucher["limit_per_customer"] is not None}
    return await repository.used_by_family(connection, sorted(limiting), person.ids)


async def validate(uow: UnitOfWork, question: VoucherQuestion, *, caller: str | None = None) -> tuple[Record, str | None, int | None]:
    """Return a code, why it would be refused, and what it would take off; changes nothing.

    Raises:
        VoucherNotFound: there is none.
        VelocityExceeded: too many codes that there are not were tried.
    """
    connection = uow.connection
    await guard_guesses(uow, customer_id=question.customer_id, caller=caller)
    note_wrong_guess(uow, customer_id=question.customer_id, caller=caller)
    voucher = await found(connection, question.code)
    person = None if question.customer_id is None else await family(connection, question.customer_id)
    purchase = _purchase(question, person)
    reason = refusal(terms_of(voucher), voucher["customer_id"], voucher["redeemed"], purchase, voucher["now"])
    if reason is None and question.customer_id is not None and await _has_left(connection, voucher, question.customer_id):
        reason = VoucherProgrammeLeft.code
    if reason is None:
        used = await used_by(connection, [voucher], person) if person is not None else {}
        reason = beyond_limits(voucher, used.get(voucher["batch_id"], 0))
    return voucher, reason, discount(terms_of(voucher), purchase)


def beyond_limits(voucher: Record, used_by_person: int, used_now: int = 0) -> str | None:
    """Return the code of the limit of a batch that one more use would break, or None.

    Args:
        voucher: a code with the terms of its batch.
        used_by_person: how often the person has used codes of the batch.
        used_now: how many codes of it are used beside this one.
    """
    if voucher["limit_per_customer"] is not None and used_by_person + used_now >= voucher["limit_per_customer"]:
        return VoucherCustomerLimit.code
    if voucher["limit_total"] is not None and voucher["redeemed_in_all"] + used_now >= voucher["limit_total"]:
        return VoucherCampaignLimit.code
    return None


async def redeem(uow: UnitOfWork, use: VoucherUse, *, caller: str | None = None) -> tuple[Record, bool]:
    """Use a code for a purchase; return the use, and whether it is new.

    Raises:
        VoucherNotFound: there is no such code.
        MemberNotFound: there is no such member.
        VoucherReferenceTaken: another customer used it for this reference.
        VoucherRefused: it is worth nothing here and now.
        MemberFrozen: the member is frozen.
        VelocityExceeded: too many codes were used, or tried that there are not.
    """
    connection, code = uow.connection, normalised(use.code)
    await members.admit(connection, use.customer_id)
    await guard_guesses(uow, customer_id=use.customer_id, caller=caller)
    voucher = await repository.voucher(connection, code, lock=True)
    if voucher is None:
        note_wrong_guess(uow, customer_id=use.customer_id, caller=caller)
        raise VoucherNotFound(pointer="/code")
    person = await family(connection, use.customer_id)
    for earlier in await repository.live_redemptions(connection, [code], use.reference):
        if earlier["customer_id"] not in person.ids:
            raise VoucherReferenceTaken(pointer="/reference")
        return earlier, False
    terms, purchase = terms_of(voucher), _purchase(use, person)
    reason = refusal(terms, voucher["customer_id"], voucher["redeemed"], purchase, voucher["now"])
    if reason is not None:
        raise VoucherRefused.REASONS[reason](pointer="/code")
    if await _has_left(connection, voucher, use.customer_id):
        raise VoucherProgrammeLeft(pointer="/customer_id")
    buyer = Buyer(use.customer_id, person, use.reference, purchase.order_minor, use.currency)
    [redemption] = await record(uow, buyer, [(voucher, discount(terms, purchase))], caller=caller)
    return redemption, True


async def _has_left(connection: Connection, voucher: Record, customer_id: str) -> bool:
    # Everybody takes part in the default programme.
    return voucher["programme_id"] != PROGRAMME_ID and bool(
        await absent(connection, voucher["programme_id"], [(customer_id, voucher["now"])])
    )


async def roll_back(uow: UnitOfWork, redemption_id: str) -> Record:
    """Take a use back, so that the code is worth what it was; taking it back twice changes nothing more.

    Raises:
        VoucherRedemptionNotFound: there is none.
    """
    await _take_back(uow, [await found_redemption(uow.connection, redemption_id)])
    return await found_redemption(uow.connection, redemption_id)


async def roll_all_back(uow: UnitOfWork, person: Family, reference: str) -> list[Record]:
    """Take back all codes that a person used for a purchase, and return the uses; taking them back twice changes nothing more."""
    await _take_back(uow, await repository.uses_for(uow.connection, person.ids, reference))
    return await repository.uses_for(uow.connection, person.ids, reference)


async def _take_back(uow: UnitOfWork, uses: Sequence[Record]) -> None:
    for row in await repository.roll_back(uow.connection, uses):
        event = VoucherRolledBack(redemption_id=row["id"], customer_id=row["customer_id"], rolled_back_at=row["rolled_back_at"])
        uow.publish(event, sequence=2)


async def found_redemption(connection: Connection, redemption_id: str) -> Record:
    """Return a use.

    Raises:
        VoucherRedemptionNotFound: there is none.
    """
    row = await repository.get_redemption(connection, redemption_id)
    if row is None:
        raise VoucherRedemptionNotFound
    return row


async def redemptions_of(connection: Connection, customer_id: str, limit: int, after: tuple[Any, ...] | None) -> list[Record]:
    """Return the uses by a person, newest first.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    return await repository.redemptions(connection, (await family(connection, customer_id)).ids, limit, after)


async def erase(connection: Connection, ids: list[str]) -> dict[str, int]:
    """Void the vouchers of erased customers; their uses stay, under ids that name nobody, without the tills' references."""
    unassigned, blanked = await repository.forget(connection, ids)
    return {"vouchers": unassigned, "voucher_redemptions": blanked}


async def collect(connection: Connection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is kept of customers: vouchers that only they may use, and uses."""
    own, used = await repository.everything_of(connection, ids)
    return {"vouchers": [dict(row) for row in own], "voucher_redemptions": [dict(row) for row in used]}


def terms_of(values: Mapping[str, Any] | Record) -> Terms:
    """Return what a batch promises for its codes."""
    return Terms(**{name: values[name] for name in Terms.__dataclass_fields__})


def _purchase(shown: VoucherQuestion | VoucherUse, person: Family | None) -> Purchase:
    lines: Sequence[Article] | None = None
    if shown.lines is not None:
        lines = [Article(line.sku, line.quantity, line.amount_minor, line.category) for line in shown.lines]
    order_minor = shown.order_minor
    if order_minor is None and lines is not None:
        order_minor = sum(line.amount_minor for line in lines)
    return Purchase(frozenset(person.ids if person else ()), order_minor, shown.shipping_minor, shown.currency, lines)
