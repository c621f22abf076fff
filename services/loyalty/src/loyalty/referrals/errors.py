"""What can go wrong with referrals.

NotFound
├── ReferralCodeUnknown     there is no such code
└── ReferralNotFound        there is no such referral

Conflict
├── ReferralSchemeInactive  nobody can be referred at present
├── ReferralCodeClosed      the code's member is gone
├── ReferralSelf            referrer and referred are one person
├── ReferralHousehold       they live in one household
├── ReferralSharedIdentity  they may be one person, or use one device, card or account
├── ReferralLoop            the referrer was referred by the referred, directly or through others
├── ReferralAlreadyReferred somebody referred him already
└── ReferralNotNew          the referred one was a customer before

Invalid
├── ReferralTermsInvalid    the terms of a scheme do not go together
└── ReferralMomentUnusable  the code was used in the future, or too long ago
"""

from shared.errors import Conflict, Invalid, NotFound


class ReferralCodeUnknown(NotFound):
    code = "referral_code_unknown"
    title = "There is no such referral code."


class ReferralNotFound(NotFound):
    code = "referral_not_found"
    title = "There is no such referral."


class ReferralSchemeInactive(Conflict):
    code = "referral_scheme_inactive"
    title = "Nobody can be referred at present."


class ReferralCodeClosed(Conflict):
    code = "referral_code_closed"
    title = "The member of this code is gone."


class ReferralSelf(Conflict):
    code = "referral_self"
    title = "Nobody refers himself."


class ReferralHousehold(Conflict):
    code = "referral_household"
    title = "Nobody refers somebody of his own household."


class ReferralSharedIdentity(Conflict):
    code = "referral_shared_identity"
    title = "Referrer and referred may be one person."


class ReferralLoop(Conflict):
    code = "referral_loop"
    title = "The referrer was referred by the one whom he refers, directly or through others."


class ReferralAlreadyReferred(Conflict):
    code = "referral_already_referred"
    title = "Somebody has referred this customer already."


class ReferralNotNew(Conflict):
    code = "referral_not_new"
    title = "The one who is referred was a customer before."


class ReferralTermsInvalid(Invalid):
    code = "referral_terms_invalid"
    title = "The terms of the scheme do not go together."


class ReferralMomentUnusable(Invalid):
    code = "referral_moment_unusable"
    title = "A code is not used in the future, nor so long ago that its time would be over."
