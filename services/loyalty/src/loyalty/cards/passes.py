"""Passes for the wallets of phones: Apple's package and Google's object.

Sources: Apple, Wallet Passes, "Building a Pass" and the pass.json reference; Google Wallet API, "Loyalty cards" (LoyaltyClass,
LoyaltyObject) and "Working with JWTs". Both take a pass only when it is signed by an account of theirs; without one the payloads come
unsigned, for somebody else to sign.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
import segno
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from PIL import Image, ImageDraw

_GROUND, _INK = (26, 26, 46), (255, 255, 255)
# Of 1980, so that equal passes are equal files.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_SAVE_URL = "https://pay.google.com/gp/v/save/"
_ICON_POINTS = 29


@dataclass(frozen=True, slots=True)
class PassFacts:
    """What a pass shows.

    Attributes:
        number: of the card, also in its QR code.
        programme: its name.
        programme_id: its id.
        balance: points that can be spent.
        tier: name of the member's tier, None without one.
    """

    number: str
    programme: str
    programme_id: str
    balance: int
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class AppleIdentity:
    """Who makes Apple's passes: the pass type, the team, and PEM texts of certificate, key and Apple's intermediate certificate."""

    pass_type_id: str
    team_id: str
    certificate: bytes
    key: bytes
    intermediate: bytes


@dataclass(frozen=True, slots=True)
class GoogleIdentity:
    """Who makes Google's passes: the issuer's number, the service account's address and its PEM key."""

    issuer_id: str
    account: str
    key: bytes


def qr_svg(number: str) -> bytes:
    """Return a card's number as QR code, SVG."""
    out = io.BytesIO()
    segno.make(number, error="m", micro=False).save(out, kind="svg", scale=8, border=4, xmldecl=False, title=number)
    return out.getvalue()


def qr_png(number: str) -> bytes:
    """Return a card's number as QR code, PNG."""
    out = io.BytesIO()
    segno.make(number, error="m", micro=False).save(out, kind="png", scale=12, border=4)
    return out.getvalue()


def apple_pass(facts: PassFacts, identity: AppleIdentity | None) -> bytes:
    """Return a package for Apple Wallet (`.pkpass`): the pass, its icons, a manifest, and with an identity the signature."""
    files = {"pass.json": _json(_apple_json(facts, identity))}
    files |= {f"{name}{suffix}.png": _icon(scale) for name in ("icon", "logo") for suffix, scale in (("", 1), ("@2x", 2), ("@3x", 3))}
    # The manifest's algorithm is Apple's; it protects nothing that the signature does not.
    manifest = _json({name: hashlib.sha1(content, usedforsecurity=False).hexdigest() for name, content in files.items()})
    files["manifest.json"] = manifest
    if identity is not None:
        files["signature"] = _signature(manifest, identity)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(zipfile.ZipInfo(name, _ZIP_DATE), content)
    return out.getvalue()


def google_claims(facts: PassFacts, identity: GoogleIdentity | None, now: datetime) -> dict[str, Any]:
    """Return the claims of a "save to Google Wallet" token, with the class of the programme and the object of the card."""
    issuer = identity.issuer_id if identity else "ISSUER_ID"
    class_id = f"{issuer}.{facts.programme_id}"
    card: dict[str, Any] = {
        "id": f"{issuer}.{facts.number}",
        "classId": class_id,
        "state": "ACTIVE",
        "accountId": facts.number,
        "accountName": facts.number,
        "barcode": {"type": "QR_CODE", "value": facts.number, "alternateText": facts.number},
        "loyaltyPoints": {"label": "Points", "balance": {"int": facts.balance}},
    }
    if facts.tier:
        card["secondaryLoyaltyPoints"] = {"label": "Tier", "balance": {"string": facts.tier}}
    shown = {"id": class_id, "issuerName": facts.programme, "programName": facts.programme, "reviewStatus": "UNDER_REVIEW"}
    return {
        "iss": identity.account if identity else "SERVICE_ACCOUNT",
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "payload": {"loyaltyClasses": [shown], "loyaltyObjects": [card]},
    }


def google_link(claims: dict[str, Any], identity: GoogleIdentity) -> str:
    """Return the address that a phone opens to save the pass."""
    return _SAVE_URL + jwt.encode(claims, identity.key, algorithm="RS256")


def _apple_json(facts: PassFacts, identity: AppleIdentity | None) -> dict[str, Any]:
    tier = [{"key": "tier", "label": "TIER", "value": facts.tier}] if facts.tier else []
    return {
        "formatVersion": 1,
        "passTypeIdentifier": identity.pass_type_id if identity else "PASS_TYPE_ID",
        "teamIdentifier": identity.team_id if identity else "TEAM_ID",
        "serialNumber": facts.number,
        "organizationName": facts.programme,
        "description": facts.programme,
        "logoText": facts.programme,
        "foregroundColor": "rgb({}, {}, {})".format(*_INK),
        "backgroundColor": "rgb({}, {}, {})".format(*_GROUND),
        "barcodes": [{"format": "PKBarcodeFormatQR", "message": facts.number, "messageEncoding": "iso-8859-1", "altText": facts.number}],
        "storeCard": {
            "primaryFields": [{"key": "points", "label": "POINTS", "value": facts.balance}],
            "secondaryFields": tier,
            "auxiliaryFields": [{"key": "number", "label": "NUMBER", "value": facts.number}],
        },
    }


def _signature(manifest: bytes, identity: AppleIdentity) -> bytes:
    key: Any = load_pem_private_key(identity.key, None)
    return (
        PKCS7SignatureBuilder()
        .set_data(manifest)
        .add_signer(x509.load_pem_x509_certificate(identity.certificate), key, SHA256())
        .add_certificate(x509.load_pem_x509_certificate(identity.intermediate))
        .sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])
    )


def _icon(scale: int) -> bytes:
    """Return a ring on dark ground, as PNG."""
    side = _ICON_POINTS * scale
    image = Image.new("RGB", (side, side), _GROUND)
    ImageDraw.Draw(image).ellipse((side // 4, side // 4, side - side // 4, side - side // 4), outline=_INK, width=max(2, side // 12))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
