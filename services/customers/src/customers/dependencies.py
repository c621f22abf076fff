"""What the routes are given: the caller with his scope, the time, and the key that signs tokens."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import Request

from customers.settings import CustomersSettings
from shared.clock import Clock
from shared.http import Caller, requires
from shared.http.state import state_of
from shared.http.tokens import SigningKey

ReadsCustomers = Annotated[Caller, requires("customers:read")]
ReadsCustomer = Annotated[Caller, requires("customers:read", own="customer_id")]
WritesCustomers = Annotated[Caller, requires("customers:write")]
ReadsOrders = Annotated[Caller, requires("orders:read")]
ReadsOrdersOfCustomer = Annotated[Caller, requires("orders:read", own="customer_id")]
WritesOrders = Annotated[Caller, requires("orders:write")]
WritesKeys = Annotated[Caller, requires("keys:write")]
WritesTokens = Annotated[Caller, requires("tokens:write")]


async def _clock(request: Request) -> Clock:
    return state_of(request).clock


Now = Annotated[Clock, Depends(_clock)]


@lru_cache(maxsize=8)
def signing_key(path: Path | None) -> SigningKey:
    """Return the key that signs tokens, read once a process; without a path it lives as long as the process."""
    return SigningKey.load(path)


async def _signing_key(request: Request) -> SigningKey:
    return signing_key(cast(CustomersSettings, state_of(request).settings).signing_key_file)


Signing = Annotated[SigningKey, Depends(_signing_key)]
