"""What can go wrong with restrictions.

NotFound └── RestrictionNotFound
"""

from shared.errors import NotFound


class RestrictionNotFound(NotFound):
    code = "restriction_not_found"
    title = "The processing of this customer's data is not restricted."
