"""What can go wrong with partners.

NotFound
├── PartnerNotFound             there is no such partner
├── PartnerKeyNotFound          no such key is bound to him
└── PartnerTransactionNotFound  the partner has posted nothing of the kind

Forbidden
├── PartnerKeyUnbound           the key belongs to no partner
└── PartnerNotAllowed           the partner may not do this, or not now

Conflict
├── PartnerKeyBound             the key is another partner's
├── PartnerKeyUnusable          the key is not one that may be given to a partner
├── PartnerReferenceTaken       the reference names another posting
├── PartnerReversalExceeds      more is to be reversed than is left
├── PartnerTransactionNotPosted it waits or was refused
└── SettlementPeriodOpen        the period is not over, or does not follow the last one

Invalid
├── PartnerAmountUnusable       the amount is worth no points
├── PartnerMomentUnusable       it lies ahead, or too far back
├── SettlementPeriodInvalid     it ends before it begins
└── PartnerMemberUnclear        member or points are told twice, or not at all

TooMany
└── PartnerLimitReached         the partner's limit is used up for now
"""

from shared.errors import Conflict, Forbidden, Invalid, NotFound, TooMany


class PartnerNotFound(NotFound):
    code = "partner_not_found"
    title = "There is no such partner."


class PartnerKeyNotFound(NotFound):
    code = "partner_key_not_found"
    title = "No such key is bound to the partner."


class PartnerTransactionNotFound(NotFound):
    code = "partner_transaction_not_found"
    title = "There is no such posting."


class PartnerKeyUnbound(Forbidden):
    code = "partner_key_unbound"
    title = "The key belongs to no partner."


class PartnerNotAllowed(Forbidden):
    code = "partner_not_allowed"
    title = "The partner may not do this."


class PartnerKeyBound(Conflict):
    code = "partner_key_bound"
    title = "The key belongs to another partner."


class PartnerKeyUnusable(Conflict):
    """A partner's key has the scope `partners:post` and no other, and was heard of here already."""

    code = "partner_key_unusable"
    title = "The key is not known, is revoked, or may do more or less than post for a partner."


class PartnerReferenceTaken(Conflict):
    code = "partner_reference_taken"
    title = "The reference names another posting."


class PartnerReversalExceeds(Conflict):
    """Its extra `left` tells how many points are left to reverse."""

    code = "partner_reversal_exceeds"
    title = "More is to be reversed than is left of the posting."


class PartnerTransactionNotPosted(Conflict):
    code = "partner_transaction_not_posted"
    title = "The posting waits for a review, was refused, or is a reversal itself."


class SettlementPeriodOpen(Conflict):
    """Its extra `begins_at` tells where the next period begins."""

    code = "settlement_period_open"
    title = "The period is not over yet, or does not follow the last one."


class PartnerAmountUnusable(Invalid):
    code = "partner_amount_unusable"
    title = "The amount is worth no points, or the partner has no rate for amounts."


class PartnerMomentUnusable(Invalid):
    code = "partner_moment_unusable"
    title = "What is posted did not happen in the future, nor more than a year ago."


class PartnerMemberUnclear(Invalid):
    code = "partner_member_unclear"
    title = "Name the member by his customer id or by his card, and points or an amount: one of each."


class SettlementPeriodInvalid(Invalid):
    code = "settlement_period_invalid"
    title = "A period ends after it begins."


class PartnerLimitReached(TooMany):
    """Its extra `limit` names the limit; after `retry_after_seconds` its period is over."""

    code = "partner_limit_reached"
    title = "The partner's limit is used up for now."
