"""What can go wrong with contacts and organisations.

NotFound └── ContactNotFound
Conflict ├── NotAnOrganisation
         ├── ContactExists
         └── HierarchyCycle
Invalid  ├── PersonUnknown
         ├── ParentUnknown
         └── PeriodRefused
"""

from shared.errors import Conflict, Invalid, NotFound


class ContactNotFound(NotFound):
    code = "contact_not_found"
    title = "There is no such contact of this organisation."


class NotAnOrganisation(Conflict):
    code = "not_an_organisation"
    title = "Only organisations have contacts, a place in the chain of trade, and parents."


class ContactExists(Conflict):
    code = "contact_exists"
    title = "The person is a contact of this organisation already."


class HierarchyCycle(Conflict):
    code = "hierarchy_cycle"
    title = "An organisation would belong to itself, or the chain above it would be too long."


class PersonUnknown(Invalid):
    code = "person_unknown"
    title = "The person is no individual customer."


class ParentUnknown(Invalid):
    code = "parent_unknown"
    title = "The parent is no customer that is an organisation."


class PeriodRefused(Invalid):
    code = "contact_period_refused"
    title = "The last day is before the first."
