"""Who may call: the scopes of this service's routes."""

from typing import Annotated

from shared.http import Caller, requires

# Servers and staff; no member.
ReadsLoyalty = Annotated[Caller, requires("loyalty:read")]
# A member too, of himself.
ReadsMember = Annotated[Caller, requires("loyalty:read", own="customer_id")]
