"""What can go wrong with offers.

NotFound
├── OfferNotFound, OfferCampaignNotFound
Invalid
└── OfferTermsInvalid     the campaign contradicts itself; the pointer names the field
Conflict
├── OfferExpired          the offer is over
├── OfferCodesGone        no code is left for it
└── OfferCampaignStopped  the campaign makes no offers any more
"""

from shared.errors import Conflict, Invalid, NotFound


class OfferNotFound(NotFound):
    code = "offer_not_found"
    title = "There is no such offer."


class OfferCampaignNotFound(NotFound):
    code = "offer_campaign_not_found"
    title = "There is no such campaign of offers."


class OfferTermsInvalid(Invalid):
    code = "offer_terms_invalid"
    title = "The terms of the campaign contradict each other or name what there is not."


class OfferExpired(Conflict):
    code = "offer_expired"
    title = "This offer is over."


class OfferCodesGone(Conflict):
    code = "offer_codes_gone"
    title = "No code is left for this offer."


class OfferCampaignStopped(Conflict):
    code = "offer_campaign_stopped"
    title = "This campaign was stopped."
