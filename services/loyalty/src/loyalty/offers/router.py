"""Routes of offers and their campaigns."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response

from loyalty.dependencies import ManagesLoyalty, ReadsMember, WritesMember
from loyalty.fields import CustomerIdPath, ProgrammeQuery
from loyalty.members.errors import MemberNotFound
from loyalty.offers import repository, service
from loyalty.offers.answers import offer_of
from loyalty.offers.errors import (
    OfferCampaignNotFound,
    OfferCampaignStopped,
    OfferCodesGone,
    OfferExpired,
    OfferNotFound,
    OfferTermsInvalid,
)
from loyalty.offers.rules import Group, difference_of_conversion, difference_of_spend, uplift_of_conversion, uplift_of_spend
from loyalty.offers.schemas import (
    CampaignIdPath,
    CampaignResults,
    Generation,
    GroupResult,
    Offer,
    OfferCampaign,
    OfferCampaignDraft,
    OfferCampaignPatch,
    OfferIdPath,
    Uplift,
)
from loyalty.programmes.errors import ProgrammeNotFound, ProgrammeNotRunning
from loyalty.programmes.service import require
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.rewards.schemas import Language
from shared.errors import PreconditionFailed, PreconditionRequired
from shared.http import APIRouter, Page, PageQuery, Reads, Uow, problems
from shared.http.etags import IfMatch, set_etag
from shared.http.job_routes import accepted
from shared.http.merge_patch import changes
from shared.statistics import Interval, round_half_away

router = APIRouter(prefix="/v1", tags=["offers"])

_Wanted = Annotated[Language | None, Query(description="Language tag of the texts; English first when absent.", examples=["lv"])]
_Of = Annotated[
    str | None,
    Query(max_length=200, description="Whose; a member's token must name its own.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"]),
]
_BP = 100
_PLACES = 6


@router.post(
    "/offer-campaigns", operation_id="offer_campaigns_create", status_code=201, responses=problems(ProgrammeNotFound, OfferTermsInvalid)
)
async def create(draft: OfferCampaignDraft, response: Response, uow: Uow, _: ManagesLoyalty) -> OfferCampaign:
    """Describe how offers are made, what they give and who is held out; nothing is offered yet."""
    campaign = await service.make_campaign(uow, draft)
    set_etag(response, campaign["version"])
    response.headers["location"] = f"/v1/offer-campaigns/{campaign['id']}"
    return _campaign(campaign)


@router.get("/offer-campaigns", operation_id="offer_campaigns_list", responses=problems(ProgrammeNotFound))
async def list_campaigns(page: PageQuery, connection: Reads, _: ManagesLoyalty, programme_id: ProgrammeQuery = None) -> Page[OfferCampaign]:
    """List the campaigns of a programme, newest first."""
    rows = await repository.campaigns(connection, await require(connection, programme_id), page.fetch, page.key(datetime, str))
    return page.page(rows, key=lambda row: (row["created_at"], row["id"]), item=_campaign)


@router.get("/offer-campaigns/{campaign_id}", operation_id="offer_campaigns_get", responses=problems(OfferCampaignNotFound))
async def get_campaign(campaign_id: CampaignIdPath, response: Response, connection: Reads, _: ManagesLoyalty) -> OfferCampaign:
    """Return a campaign."""
    campaign = await service.found_campaign(connection, campaign_id)
    set_etag(response, campaign["version"])
    return _campaign(campaign)


@router.patch(
    "/offer-campaigns/{campaign_id}",
    operation_id="offer_campaigns_update",
    responses=problems(OfferCampaignNotFound, PreconditionFailed, PreconditionRequired),
)
async def amend_campaign(
    campaign_id: CampaignIdPath, patch: OfferCampaignPatch, match: IfMatch, response: Response, uow: Uow, _: ManagesLoyalty
) -> OfferCampaign:
    """Rename a campaign, stop it, or let it go on; offers that were made stay."""
    campaign = await service.amend_campaign(uow, campaign_id, changes(patch), match)
    set_etag(response, campaign["version"])
    return _campaign(campaign)


@router.post(
    "/offer-campaigns/{campaign_id}/generate",
    operation_id="offer_campaigns_generate",
    status_code=202,
    responses=problems(OfferCampaignNotFound, OfferCampaignStopped, ProgrammeNotRunning),
)
async def generate(campaign_id: CampaignIdPath, response: Response, uow: Uow, caller: ManagesLoyalty) -> Generation:
    """Make the offers of a campaign for all members, by what they bought until now, as a job."""
    job_id, as_of = await service.start(uow, campaign_id, caller=caller.principal)
    accepted(response, job_id)
    return Generation(job_id=job_id, campaign_id=campaign_id, as_of=as_of)


@router.get("/offer-campaigns/{campaign_id}/results", operation_id="offer_campaigns_results", responses=problems(OfferCampaignNotFound))
async def get_results(campaign_id: CampaignIdPath, connection: Reads, _: ManagesLoyalty) -> CampaignResults:
    """Compare those who have offers with those held out: who bought what the offer is for, and what a member spent while it ran."""
    as_of, counts, offered, control = await service.results(connection, campaign_id)
    return CampaignResults(
        campaign_id=campaign_id,
        as_of=as_of,
        **dict(counts),
        offered=_group(offered),
        control=_group(control),
        conversion_uplift=_uplift(difference_of_conversion(offered, control), uplift_of_conversion(offered, control)),
        spend_uplift_minor=_uplift(difference_of_spend(offered, control), uplift_of_spend(offered, control)),
    )


@router.get("/members/{customer_id}/offers", operation_id="members_list_offers", responses=problems(MemberNotFound, ProgrammeNotFound))
async def list_offers(
    customer_id: CustomerIdPath,
    page: PageQuery,
    connection: Reads,
    _: ReadsMember,
    language: _Wanted = None,
    ended: Annotated[bool, Query(description="Whether those that are redeemed or over are shown too.")] = False,
    programme_id: Annotated[str | None, Query(description="Only those of this programme.", max_length=200, examples=[PROGRAMME_ID])] = None,
) -> Page[Offer]:
    """List the offers of a member in all programmes, first what ends first."""
    after = page.key(datetime, str)
    rows = await service.offers_of(connection, customer_id, page.fetch, after, ended=ended, programme_id=programme_id)
    return page.page(rows, key=lambda row: (row["valid_until"], row["id"]), item=lambda row: offer_of(row, language))


@router.get("/offers/{offer_id}", operation_id="offers_get", responses=problems(OfferNotFound))
async def get(
    offer_id: OfferIdPath, response: Response, connection: Reads, _: ReadsMember, customer_id: _Of = None, language: _Wanted = None
) -> Offer:
    """Return an offer as it stands at this moment."""
    offer = offer_of(await service.found(connection, offer_id, customer_id), language)
    response.headers["etag"] = f'"{offer.state}-{offer.points}"'
    return offer


@router.post("/offers/{offer_id}/view", operation_id="offers_view", responses=problems(OfferNotFound))
async def view(offer_id: OfferIdPath, uow: Uow, _: WritesMember, customer_id: _Of = None, language: _Wanted = None) -> Offer:
    """Note that a member looked at an offer; the first time counts."""
    return offer_of(await service.view(uow, offer_id, customer_id), language)


@router.post(
    "/offers/{offer_id}/activate",
    operation_id="offers_activate",
    responses=problems(OfferNotFound, OfferExpired, OfferCodesGone),
)
async def activate(offer_id: OfferIdPath, uow: Uow, _: WritesMember, customer_id: _Of = None, language: _Wanted = None) -> Offer:
    """Take an offer up: what is bought from now on redeems it, and a code is given where it is one; twice changes nothing more."""
    return offer_of(await service.activate(uow, offer_id, customer_id), language)


def _campaign(row: Any) -> OfferCampaign:
    looking = {"strategy": row["strategy"], **row["parameters"]}
    return OfferCampaign.model_validate({**row, "looking": looking, "control_share": row["control_share_bp"] // _BP})


def _group(group: Group) -> GroupResult:
    mean = group.mean_minor
    return GroupResult(
        members=group.members,
        converted=group.converted,
        conversion=round_half_away(group.converted / group.members, _PLACES) if group.members else None,
        spent_minor=group.spent_minor,
        spend_per_head_minor=round_half_away(mean) if mean is not None else None,
    )


def _uplift(difference: float | None, interval: Interval | None) -> Uplift:
    ends = (None, None) if interval is None else (interval.low, interval.high)
    rounded = [None if value is None else round_half_away(value, _PLACES) for value in (difference, *ends)]
    return Uplift(difference=rounded[0], low=rounded[1], high=rounded[2])
