"""Routes of referrals."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Response

from loyalty.abuse.errors import VelocityExceeded
from loyalty.dependencies import ManagesLoyalty, ReadsLoyalty, ReadsMember, WritesLoyalty
from loyalty.fields import CustomerIdPath
from loyalty.members.errors import MemberNotFound
from loyalty.referrals import repository, service
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
from loyalty.referrals.schemas import (
    Language,
    OwnReferral,
    Referral,
    ReferralDetail,
    ReferralDraft,
    ReferralIdPath,
    ReferrerQuery,
    Reward,
    Scheme,
    SchemeTerms,
    StateQuery,
)
from loyalty.rules.errors import ConditionInvalid
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag

router = APIRouter(prefix="/v1", tags=["referrals"])

_LAST = (datetime(9999, 12, 31, tzinfo=UTC), "")


@router.get("/referral-scheme", operation_id="referral_scheme_get")
async def get_scheme(response: Response, connection: Reads, _: ReadsLoyalty) -> Scheme:
    """Return what referring somebody is worth, and when."""
    return _scheme(dict(await repository.scheme(connection)), response)


@router.put(
    "/referral-scheme",
    operation_id="referral_scheme_replace",
    responses=problems(PreconditionFailed, PreconditionRequired, ReferralTermsInvalid, ConditionInvalid),
)
async def replace_scheme(terms: SchemeTerms, match: IfMatch, response: Response, uow: Uow, caller: ManagesLoyalty) -> Scheme:
    """Agree on another scheme; who was referred before keeps the promise of his day."""
    return _scheme(dict(await service.change_scheme(uow, terms, match, caller.principal)), response)


@router.get("/members/{customer_id}/referral", operation_id="members_get_referral", responses=problems(MemberNotFound))
async def get_own(customer_id: CustomerIdPath, connection: Reads, _: ReadsMember, language: Language = None) -> OwnReferral:
    """Return a member's code, the text and link to share, and what came of it."""
    return await service.own(connection, customer_id, language)


@router.post(
    "/referrals",
    operation_id="referrals_create",
    status_code=201,
    responses=problems(
        *(ReferralSchemeInactive, ReferralCodeUnknown, ReferralCodeClosed, ReferralMomentUnusable, ReferralSelf, ReferralHousehold),
        ReferralSharedIdentity,
        *(ReferralLoop, ReferralAlreadyReferred, ReferralNotNew, VelocityExceeded, MemberNotFound),
    ),
)
async def create(draft: ReferralDraft, response: Response, uow: Uow, caller: WritesLoyalty) -> Referral:
    """Tell that a new customer used a member's code."""
    row = await service.refer(uow, draft, caller.principal)
    response.headers["location"] = f"/v1/referrals/{row['id']}"
    set_etag(response, row["version"])
    return Referral.model_validate(dict(row))


@router.get("/referrals", operation_id="referrals_list")
async def list_referrals(
    page: PageQuery, connection: Reads, _: ReadsLoyalty, state: StateQuery = None, referrer_id: ReferrerQuery = None
) -> Page[Referral]:
    """List referrals, newest first."""
    filters = {name: value for name, value in (("referrer_id", referrer_id), ("state", state)) if value is not None}
    rows = await repository.page(connection, page.fetch, page.key(datetime, str) or _LAST, filters)
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=lambda row: Referral.model_validate(dict(row)))


@router.get("/referrals/{referral_id}", operation_id="referrals_get", responses=problems(ReferralNotFound))
async def get(referral_id: ReferralIdPath, response: Response, connection: Reads, _: ReadsLoyalty) -> ReferralDetail:
    """Return where a referral stands, why, and what was given for it."""
    row = await service.found_referral(connection, referral_id)
    set_etag(response, row["version"])
    rewards = [Reward.model_validate(dict(reward)) for reward in await service.rewards_of(connection, referral_id)]
    return ReferralDetail.model_validate(dict(row) | {"rewards": rewards})


def _scheme(row: Mapping[str, Any], response: Response) -> Scheme:
    set_etag(response, row["version"])
    return Scheme.model_validate(row)
