"""What can go wrong with a customer.

NotFound └── CustomerNotFound
Conflict └── ExternalIdTaken
Invalid  ├── BirthDateInFuture
         └── AttributesRefused
"""

from shared.errors import Conflict, Invalid, NotFound


class CustomerNotFound(NotFound):
    code = "customer_not_found"
    title = "There is no such customer."


class ExternalIdTaken(Conflict):
    code = "external_id_taken"
    title = "Another customer has this external id."


class BirthDateInFuture(Invalid):
    code = "birth_date_in_future"
    title = "A birth date lies in the past."


class AttributesRefused(Invalid):
    code = "attributes_refused"
    title = "The attributes are too many, too deep, too large or not storable."
