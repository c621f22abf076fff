import asyncio

from fastapi import Response

from loyalty.cards import service
from loyalty.cards.errors import CardNotFound, CardReplaced
from loyalty.cards.schemas import Card, CardNumber, GooglePass
from loyalty.dependencies import ClockDep, ReadsLoyalty, ReadsMember, Settings, WritesMember
from loyalty.fields import CustomerIdPath
from loyalty.members.errors import MemberNotFound
from shared.http import APIRouter, Reads, Uow, problems

router = APIRouter(prefix="/v1/members/{customer_id}/card", tags=["cards"])
till_router = APIRouter(prefix="/v1/cards", tags=["cards"])

_RESPONSES = problems(MemberNotFound, CardNotFound)
_NEVER_STALE = {"cache-control": "private, no-cache"}


def _file(media_type: str, what: str):
    return _RESPONSES | {200: {"description": what, "content": {media_type: {}}}}


@router.get("", operation_id="cards_get", summary="Read a member's card", responses=_RESPONSES)
async def get_card(customer_id: CustomerIdPath, connection: Reads, _caller: ReadsMember) -> Card:
    """Read the card that a member has at present."""
    return Card.model_validate(await service.of_member(connection, customer_id))


@router.put("", operation_id="cards_issue", summary="Give a member a card", responses=problems(MemberNotFound))
async def put_card(customer_id: CustomerIdPath, response: Response, uow: Uow, _caller: WritesMember) -> Card:
    """Give a member a card: 201 with a new one, 200 with the one that he has."""
    card, is_new = await service.issue(uow, customer_id)
    response.status_code = 201 if is_new else 200
    return Card.model_validate(card)


@router.post("/replace", operation_id="cards_replace", summary="Replace a lost card", status_code=201, responses=_RESPONSES)
async def replace_card(customer_id: CustomerIdPath, uow: Uow, _caller: WritesMember) -> Card:
    """End the card that a member has, and give him another: tills refuse the old one from now on."""
    return Card.model_validate(await service.replace(uow, customer_id))


@router.get(
    ".svg",
    operation_id="cards_get_svg",
    summary="Draw a card's QR code, SVG",
    response_class=Response,
    responses=_file("image/svg+xml", "The QR code."),
)
async def get_svg(customer_id: CustomerIdPath, connection: Reads, _caller: ReadsMember) -> Response:
    """Draw the QR code of a member's card."""
    # Only who draws pays for the libraries.
    from loyalty.cards.passes import qr_svg  # noqa: PLC0415

    card = await service.of_member(connection, customer_id)
    return Response(await asyncio.to_thread(qr_svg, card.number), media_type="image/svg+xml", headers=_NEVER_STALE)


@router.get(
    ".png",
    operation_id="cards_get_png",
    summary="Draw a card's QR code, PNG",
    response_class=Response,
    responses=_file("image/png", "The QR code."),
)
async def get_png(customer_id: CustomerIdPath, connection: Reads, _caller: ReadsMember) -> Response:
    """Draw the QR code of a member's card."""
    from loyalty.cards.passes import qr_png  # noqa: PLC0415 (as above)

    card = await service.of_member(connection, customer_id)
    return Response(await asyncio.to_thread(qr_png, card.number), media_type="image/png", headers=_NEVER_STALE)


@router.get(
    "/apple-pass",
    operation_id="cards_get_apple_pass",
    summary="Make a pass for Apple Wallet",
    response_class=Response,
    responses=_file("application/vnd.apple.pkpass", "The package; without a certificate it has no signature."),
)
async def get_apple_pass(customer_id: CustomerIdPath, connection: Reads, _caller: ReadsMember, settings: Settings) -> Response:
    """Make a package for Apple Wallet: signed when a certificate is configured, else for somebody else to sign."""
    from loyalty.cards import issuing  # noqa: PLC0415 (as above)

    facts = await issuing.facts_of(connection, customer_id)
    package = await asyncio.to_thread(issuing.for_apple, facts, settings)
    disposition = {"content-disposition": 'attachment; filename="card.pkpass"'}
    return Response(package, media_type="application/vnd.apple.pkpass", headers=_NEVER_STALE | disposition)


@router.get("/google-pass", operation_id="cards_get_google_pass", summary="Make a pass for Google Wallet", responses=_RESPONSES)
async def get_google_pass(
    customer_id: CustomerIdPath, connection: Reads, _caller: ReadsMember, settings: Settings, clock: ClockDep
) -> GooglePass:
    """Make the claims of a token for Google Wallet, and the address that saves it when a key is configured."""
    from loyalty.cards import issuing  # noqa: PLC0415 (as above)

    facts = await issuing.facts_of(connection, customer_id)
    claims, link = await asyncio.to_thread(issuing.for_google, facts, settings, clock)
    return GooglePass(claims=claims, save_url=link)


@till_router.get(
    "/{number}", operation_id="cards_find", summary="Find the member of a card", responses=problems(CardNotFound, CardReplaced)
)
async def find_card(number: CardNumber, connection: Reads, _caller: ReadsLoyalty) -> Card:
    """Find the member whose card a till has read."""
    return Card.model_validate(await service.by_number(connection, number))
