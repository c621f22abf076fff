"""What can go wrong with policies of expiry.

Conflict
├── PolicyExists     another policy of the programme begins at that moment
└── PolicyTooLate    points that it would be about were earned already

Invalid
├── TermInvalid      this kind of policy takes another unit, or none
├── TierUnknown      nothing is to expire in a tier that the programme does not have
└── PeriodInvalid    a period that ends before it begins, or is too long
"""

from shared.errors import Conflict, Invalid


class PolicyExists(Conflict):
    code = "expiry_policy_exists"
    title = "Another expiry policy of the programme begins at that moment."


class PolicyTooLate(Conflict):
    code = "expiry_policy_too_late"
    title = "Points that the policy would be about were earned already."


class TermInvalid(Invalid):
    code = "expiry_term_invalid"
    title = "This kind of policy needs a unit of time that it can count, and how many; never needs none."


class TierUnknown(Invalid):
    code = "expiry_tier_unknown"
    title = "The programme has no such tier."


class PeriodInvalid(Invalid):
    code = "period_invalid"
    title = "The period ends before it begins, or is too long."
