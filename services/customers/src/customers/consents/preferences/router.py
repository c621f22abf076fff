"""Routes of the preference page: links for it, and the page itself, which needs no login."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from customers.consents.dependencies import WritesConsents
from customers.consents.errors import PreferenceLinkInvalid
from customers.consents.preferences import service
from customers.consents.preferences.page import HEADERS, render, render_invalid
from customers.consents.preferences.words import language_of
from customers.consents.schemas import Name
from customers.dependencies import Now, Signing
from customers.fields import CustomerIdInPath
from customers.profiles.errors import CustomerNotFound
from shared.errors import TooLarge
from shared.http import APIRouter, Reads, Uow, problems
from shared.http.schemas import InputModel, Moment, OutputModel
from shared.http.streaming import body_pieces

router = APIRouter(prefix="/v1", tags=["consents"])

_MAX_FORM_BYTES = 65_536
_MAX_FIELDS = 2_000
_MAX_DAYS = 365

TokenInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_.-]{1,2000}$", description="The token of the link.", examples=["eyJ0eXAiOiJKV1QifQ.e30.c2ln"])
]


class PreferenceLinkDraft(InputModel):
    """A link to be sent to a customer."""

    channel: Name = Field(
        default="email",
        description="How the link reaches him: what he agrees to for this channel on the page needs no second confirmation.",
        examples=["email"],
    )
    valid_days: int = Field(default=30, ge=1, le=_MAX_DAYS, description="How long it is good for.", examples=[30])


class PreferenceLink(OutputModel):
    """A link to the preference page of one customer."""

    url: str = Field(
        description="Where the page is.", examples=["https://customers.example.com/v1/preferences/eyJ0eXAiOiJKV1QifQ.e30.c2ln"]
    )
    path: str = Field(description="The same without the host.", examples=["/v1/preferences/eyJ0eXAiOiJKV1QifQ.e30.c2ln"])
    expires_at: Moment = Field(description="UTC.")


async def _form(request: Request) -> Mapping[str, list[str]]:
    body = b""
    async for piece in body_pieces(request):
        body += piece
        if len(body) > _MAX_FORM_BYTES:
            raise TooLarge(limit_bytes=_MAX_FORM_BYTES)
    try:
        return parse_qs(body.decode(), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}


Form = Annotated[Mapping[str, list[str]], Depends(_form)]


@router.post(
    "/customers/{customer_id}/preference-links",
    operation_id="preference_links_create",
    status_code=201,
    responses=problems(CustomerNotFound),
)
async def create_link(
    customer_id: CustomerIdInPath, draft: PreferenceLinkDraft, request: Request, uow: Uow, now: Now, key: Signing, _: WritesConsents
) -> PreferenceLink:
    """Make a signed, expiring link with which a customer sees and changes his consents without a login."""
    made = await service.link(uow.connection, key, customer_id, channel=draft.channel, days=draft.valid_days, now=now.now())
    path = f"/v1/preferences/{made.token}"
    return PreferenceLink(url=f"{str(request.base_url).rstrip('/')}{path}", path=path, expires_at=made.expires_at)


@router.get("/preferences/{token}", operation_id="preferences_show", response_class=HTMLResponse, responses=problems(PreferenceLinkInvalid))
async def show(token: TokenInPath, request: Request, connection: Reads, now: Now) -> Response:
    """Show the preference page of the customer whom the link was made for, in his language."""
    return _page(request, await service.opened(connection, token, now.now()), saved=False)


@router.post(
    "/preferences/{token}", operation_id="preferences_change", response_class=HTMLResponse, responses=problems(PreferenceLinkInvalid)
)
async def change(token: TokenInPath, request: Request, form: Form, uow: Uow, now: Now, key: Signing) -> Response:
    """Save what the customer chose on the page; a withdrawal counts at once."""
    return _page(request, await service.choose(uow, key, token, form, now.now()), saved=True)


def _page(request: Request, shown: service.Preferences | None, *, saved: bool) -> Response:
    if shown is not None:
        return HTMLResponse(render(shown.language, shown.sections, restricted=shown.restricted, saved=saved), headers=HEADERS)
    # A page for a person, and the problem for everybody else.
    if "text/html" not in request.headers.get("accept", ""):
        raise PreferenceLinkInvalid
    language = language_of(request.headers.get("accept-language"))
    return HTMLResponse(render_invalid(language), status_code=404, headers=HEADERS)
