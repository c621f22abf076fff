"""What a card looks like in the wallet of a phone."""

from pathlib import Path
from typing import Any

from loyalty.cards import service
from loyalty.cards.passes import AppleIdentity, GoogleIdentity, PassFacts, apple_pass, google_claims, google_link
from loyalty.members import service as members
from loyalty.programmes import service as programmes
from loyalty.programmes.the_programme import PROGRAMME_ID
from loyalty.settings import LoyaltySettings
from shared.clock import Clock
from shared.database.pool import Connection


async def facts_of(connection: Connection, customer_id: str) -> PassFacts:
    """Return what a member's pass shows.

    Raises:
        MemberNotFound: there is no such member.
        CardNotFound: he has no card yet.
    """
    card = await service.of_member(connection, customer_id)
    member = await members.member(connection, customer_id)
    programme = await programmes.found(connection, PROGRAMME_ID)
    return PassFacts(card.number, programme.name, PROGRAMME_ID, member.points.balance)


def for_apple(facts: PassFacts, settings: LoyaltySettings) -> bytes:
    """Return a package for Apple Wallet, signed when there is a certificate. Reads files and computes: not for the event loop."""
    return apple_pass(facts, _apple(settings))


def for_google(facts: PassFacts, settings: LoyaltySettings, clock: Clock) -> tuple[dict[str, Any], str | None]:
    """Return the claims for Google Wallet, and the address to save them when there is a key. Not for the event loop."""
    identity = _google(settings)
    claims = google_claims(facts, identity, clock.now())
    return claims, google_link(claims, identity) if identity else None


def _apple(settings: LoyaltySettings) -> AppleIdentity | None:
    pass_type_id, team_id = settings.apple_pass_type_id, settings.apple_team_id
    files = (settings.apple_certificate_file, settings.apple_key_file, settings.apple_intermediate_file)
    certificate, key, intermediate = map(_content, files)
    if not (pass_type_id and team_id and certificate and key and intermediate):
        return None
    return AppleIdentity(pass_type_id, team_id, certificate, key, intermediate)


def _google(settings: LoyaltySettings) -> GoogleIdentity | None:
    key = _content(settings.google_key_file)
    if not (settings.google_issuer_id and settings.google_account and key):
        return None
    return GoogleIdentity(settings.google_issuer_id, settings.google_account, key)


def _content(file: Path | None) -> bytes | None:
    return file.read_bytes() if file else None
