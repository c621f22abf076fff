"""What can go wrong with tiers.

NotFound
└── TierNotFound      there is no such tier

Conflict
└── TierExists        another has the code or the rank

Invalid
├── TiersNotRising    a higher tier does not ask for more than a lower one
├── TierCodeReserved  the code is the name of a route
└── TierTimeInvalid   it would begin in the future, or end in the past
"""

from shared.errors import Conflict, Invalid, NotFound


class TierNotFound(NotFound):
    code = "tier_not_found"
    title = "There is no such tier."


class TierExists(Conflict):
    code = "tier_exists"
    title = "Another tier has this code or this rank."


class TiersNotRising(Invalid):
    code = "tiers_not_rising"
    title = "Each tier must ask for more than the one below it."


class TierCodeReserved(Invalid):
    code = "tier_code_reserved"
    title = "A tier cannot have this code."


class TierTimeInvalid(Invalid):
    code = "tier_time_invalid"
    title = "A change cannot begin in the future, nor end before it begins."
