"""What can go wrong with households.

NotFound
└── HouseholdNotFound    there is no such household, or the member is not in it

Conflict
├── AlreadyInHousehold   the member, or one of his family, is in a household
└── HouseholdFull        it has as many members as a household can have
"""

from shared.errors import Conflict, NotFound


class HouseholdNotFound(NotFound):
    code = "household_not_found"
    title = "There is no such household."


class AlreadyInHousehold(Conflict):
    code = "already_in_household"
    title = "The member is in a household already."


class HouseholdFull(Conflict):
    code = "household_full"
    title = "The household has as many members as it can have."
