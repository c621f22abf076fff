"""What can go wrong with badges.

NotFound
├── BadgeNotFound       there is no such badge
└── BadgeNotAwarded     the member does not have it

Conflict
└── BadgeExists         another has the code
"""

from shared.errors import Conflict, NotFound


class BadgeNotFound(NotFound):
    code = "badge_not_found"
    title = "There is no such badge."


class BadgeNotAwarded(NotFound):
    code = "badge_not_awarded"
    title = "The member does not have this badge."


class BadgeExists(Conflict):
    code = "badge_exists"
    title = "There is a badge of this code already."
