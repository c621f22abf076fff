"""What can go wrong with an interaction.

NotFound └── InteractionNotFound
Conflict └── InteractionDiffers  the external id belongs to an interaction of another customer or kind
Invalid  ├── CustomerUnknown     no customer has the id
         ├── KindReserved        other parts of the service record this kind
         └── OccurredAtRefused
"""

from customers.orders.errors import CustomerUnknown
from shared.errors import Conflict, Invalid, NotFound

__all__ = ["CustomerUnknown", "InteractionDiffers", "InteractionNotFound", "KindReserved", "OccurredAtRefused"]


class InteractionNotFound(NotFound):
    code = "interaction_not_found"
    title = "There is no such interaction."


class InteractionDiffers(Conflict):
    code = "interaction_differs"
    title = "The external id belongs to an interaction of another customer or of another kind."


class KindReserved(Invalid):
    code = "kind_reserved"
    title = "Touches of this kind are recorded in another way."


class OccurredAtRefused(Invalid):
    code = "occurred_at_refused"
    title = "An interaction does not lie in the future."
