"""The identifiers that a customer is looked for by, as query parameters."""

from typing import Annotated

from fastapi import Depends, Query

from customers.identities.errors import IdentityRefused, NothingToResolve
from customers.identities.rules import MAX_VALUE_LENGTH, Identity, IdentityKind, normal

_Value = Annotated[str | None, Query(min_length=1, max_length=MAX_VALUE_LENGTH)]


async def _asked(
    email: Annotated[str | None, Query(min_length=1, max_length=MAX_VALUE_LENGTH, examples=["ilze@example.com"])] = None,
    phone: Annotated[str | None, Query(min_length=1, max_length=40, description="International form.", examples=["+37126123456"])] = None,
    external_id: Annotated[str | None, Query(min_length=1, max_length=200, examples=["C-10042"])] = None,
    device: _Value = None,
    card: _Value = None,
    account: _Value = None,
    source: Annotated[
        str | None,
        Query(min_length=1, max_length=100, description="Who gave out the external id, card or device.", examples=["shop"]),
    ] = None,
) -> list[Identity]:
    given: dict[IdentityKind, str | None] = {
        "email": email,
        "phone": phone,
        "external_id": external_id,
        "device": device,
        "card": card,
        "account": account,
    }
    asked = [_read(kind, value, source) for kind, value in given.items() if value is not None]
    if not asked:
        raise NothingToResolve
    return asked


def _read(kind: IdentityKind, value: str, source: str | None) -> Identity:
    try:
        return normal(kind, value, source)
    except IdentityRefused:
        raise IdentityRefused(pointer=f"/{kind}", location="query") from None


Asked = Annotated[list[Identity], Depends(_asked)]
