"""Referrals: the scheme, members' codes, and who refers whom."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from asyncpg import Record

from loyalty.abuse.guard import guard
from loyalty.members import service as members
from loyalty.members.errors import MemberNotFound
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.referrals import following, repository
from loyalty.referrals.errors import (
    ReferralAlreadyReferred,
    ReferralCodeClosed,
    ReferralCodeUnknown,
    ReferralHousehold,
    ReferralLoop,
    ReferralMomentUnusable,
    ReferralNotFound,
    ReferralNotNew,
    ReferralSchemeInactive,
    ReferralSelf,
    ReferralSharedIdentity,
    ReferralTermsInvalid,
)
from loyalty.referrals.repository import Situation
from loyalty.referrals.rules import Known, is_new, is_refused, of_relation, offending_field, share
from loyalty.referrals.schemas import OwnReferral, ReferralDraft, SchemeTerms
from loyalty.rules.conditions import check
from loyalty.texts import in_language
from loyalty.vouchers.repository import batch_for
from loyalty.vouchers.rules import new_codes, normalised
from shared.contracts.loyalty import ReferralMade
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.errors import PreconditionFailed
from shared.following.links import family
from shared.http.etags import check_version

_DAY = timedelta(days=1)
_CLOCKS_DIFFER = timedelta(minutes=5)
_STATES = ("pending", "qualified", "waiting", "completed", "refused", "lapsed", "reversed")


async def change_scheme(uow: UnitOfWork, terms: SchemeTerms, match: int, caller: str) -> Record:
    """Agree on another scheme; who was referred before keeps the promise of his day.

    Raises:
        PreconditionFailed: it was changed since.
        ReferralTermsInvalid: the terms do not go together.
        ConditionInvalid: the condition is none.
    """
    present = await repository.scheme(uow.connection)
    check_version(match, present["version"])
    values = terms.model_dump(mode="json")
    field = offending_field(values)
    if terms.order_condition is not None:
        check(terms.order_condition)
    for name in ("referrer_voucher_batch_id", "referred_voucher_batch_id"):
        if values[name] is not None and await batch_for(uow.connection, values[name], PROGRAMME_ID) is None:
            field = name
    if field is not None:
        raise ReferralTermsInvalid(pointer=f"/{field}")
    row = await repository.add_scheme(uow.connection, present["version"] + 1, values, caller)
    if row is None:
        raise PreconditionFailed
    return row


async def own(connection: Connection, customer_id: str, language: str | None) -> OwnReferral:
    """Return a member's code, which is made when he first asks for it, what to share, and what came of it.

    Raises:
        MemberNotFound: there is no such member.
    """
    await members.require(connection, customer_id)
    code = await repository.code_of(connection, customer_id)
    if code is None:
        root_id = (await family(connection, customer_id)).root_id
        [fresh] = new_codes(1, "")
        await repository.add_code(connection, root_id, fresh)
        code = await repository.code_of(connection, customer_id)
    if code is None:
        raise MemberNotFound
    terms = (await repository.scheme(connection))["terms"]
    texts, link = share(terms["share_text"], terms["share_url"], code)
    counts, points = await repository.counts(connection, customer_id)
    # What is being taken back is as good as taken.
    counts["reversed"] = counts.get("reversed", 0) + counts.pop("reversing", 0)
    return OwnReferral(
        customer_id=customer_id,
        code=code,
        is_active=terms["is_active"],
        share_text=in_language(texts, language),
        share_url=link,
        counts={state: counts.get(state, 0) for state in _STATES},
        points_earned=points,
    )


async def refer(uow: UnitOfWork, draft: ReferralDraft, caller: str) -> Record:
    """Note that a code was used by a customer.

    Raises:
        ReferralSchemeInactive, ReferralCodeUnknown, ReferralCodeClosed, ReferralMomentUnusable: it cannot be used.
        ReferralSelf, ReferralHousehold, ReferralSharedIdentity, ReferralLoop, ReferralAlreadyReferred, ReferralNotNew: not by him.
        VelocityExceeded: a limit on referrals is reached.
        MemberNotFound: one of the two was erased.
    """
    connection = uow.connection
    scheme = await repository.scheme(connection)
    terms = scheme["terms"]
    if not terms["is_active"]:
        raise ReferralSchemeInactive
    code = await repository.of_code(connection, normalised(draft.code))
    if code is None:
        raise ReferralCodeUnknown(pointer="/code")
    if code["closed_at"] is not None:
        raise ReferralCodeClosed(pointer="/code")
    await guard(uow, "referral", customer_id=code["customer_id"], caller=caller)
    await repository.in_turn(connection)
    found = await repository.situation(connection, code["customer_id"], draft.customer_id, terms["chain_length"])
    used_at = draft.used_at or found.now
    if not found.now - terms["within_days"] * _DAY < used_at <= found.now + _CLOCKS_DIFFER:
        raise ReferralMomentUnusable(pointer="/used_at")
    _refuse_relations(found, terms)
    lapses_at = used_at + terms["within_days"] * _DAY
    suspicions = _suspicions(found, terms)
    values = (code["code"], code["customer_id"], draft.customer_id, scheme["version"], used_at, lapses_at, suspicions)
    row = await repository.add(connection, values)
    if row is None:
        raise MemberNotFound
    [standing] = await repository.standing(connection, [row["id"]])
    _refuse_old_customer(standing.terms, standing.known)
    event = ReferralMade(
        referral_id=row["id"], customer_id=row["referrer_id"], referred_id=row["referred_id"], suspicions=suspicions, used_at=used_at
    )
    uow.publish(event, sequence=1)
    await following.evaluate(uow, [row["id"]])
    return await found_referral(connection, row["id"])


async def found_referral(connection: Connection, referral_id: str) -> Record:
    """Return a referral.

    Raises:
        ReferralNotFound: there is none.
    """
    row = await repository.get(connection, referral_id)
    if row is None:
        raise ReferralNotFound
    return row


async def rewards_of(connection: Connection, referral_id: str) -> list[Record]:
    """Return what was given for a referral."""
    return await repository.rewards(connection, [referral_id])


async def erase(uow: UnitOfWork, customer_ids: list[str]) -> dict[str, int]:
    """Close the codes of erased customers, and refuse what was not rewarded yet; the ids that stay lead to nobody."""
    await following.follow(uow, customer_ids, either=True)
    return await repository.forget(uow.connection, customer_ids)


async def collect(connection: Connection, customer_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what is kept of customers, by kind of record."""
    return await repository.collect(connection, customer_ids)


def _refuse_relations(found: Situation, terms: Mapping[str, Any]) -> None:
    if found.is_same_person:
        raise ReferralSelf(pointer="/customer_id")
    if found.is_referred:
        raise ReferralAlreadyReferred(pointer="/customer_id")
    if found.is_loop:
        raise ReferralLoop(pointer="/customer_id")
    if found.is_household:
        raise ReferralHousehold(pointer="/customer_id")
    if is_refused(terms, found.relation):
        raise ReferralSharedIdentity(pointer="/customer_id")


def _refuse_old_customer(terms: Any, known: Known) -> None:
    if not is_new(terms, known):
        raise ReferralNotNew(pointer="/customer_id")


def _suspicions(found: Situation, terms: Mapping[str, Any]) -> list[str]:
    max_per_day = terms["max_per_day"]
    reasons = {
        "referral_velocity": max_per_day is not None and found.last_day >= max_per_day,
        "referrer_frozen": found.is_frozen,
        "shared_household_before": found.was_household,
    }
    return [reason for reason, holds in reasons.items() if holds] + of_relation(terms, found.relation)
