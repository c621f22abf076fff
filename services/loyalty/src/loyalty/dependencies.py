"""Who may call: the scopes of this service's routes."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from loyalty.settings import LoyaltySettings
from shared.clock import Clock
from shared.http import Caller, requires
from shared.http.state import state_of

# Servers and staff; no member.
ReadsLoyalty = Annotated[Caller, requires("loyalty:read")]
# A member too, of himself.
ReadsMember = Annotated[Caller, requires("loyalty:read", own="customer_id")]
# Servers and staff who spend for members.
WritesLoyalty = Annotated[Caller, requires("loyalty:write")]
# A member too, who spends for himself.
WritesMember = Annotated[Caller, requires("loyalty:write", own="customer_id")]
# Who gives and takes by hand.
ManagesLoyalty = Annotated[Caller, requires("loyalty:manage")]
# A partner's key, which the service has bound to him.
PostsForPartner = Annotated[Caller, requires("partners:post")]


async def _settings(request: Request) -> LoyaltySettings:
    return cast(LoyaltySettings, state_of(request).settings)


Settings = Annotated[LoyaltySettings, Depends(_settings)]


async def _clock(request: Request) -> Clock:
    return state_of(request).clock


ClockDep = Annotated[Clock, Depends(_clock)]
