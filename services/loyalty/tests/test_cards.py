"""Cards: one a member, known to tills until it is replaced; and what phones make of it."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from loyalty.cards import repository
from loyalty.cards.passes import AppleIdentity, GoogleIdentity, PassFacts, apple_pass, google_claims, google_link
from loyalty.cards.rules import check_digit, new_number
from shared.contracts.customers import CustomerErased, CustomerMerged
from shared.testing.plans import plan_of

URL = "/v1/members/cus_1/card"
NOW = datetime.now(UTC)
FACTS = PassFacts("9000000000000009", "Чайный клуб", "prg_1", 117, tier="Gold")


@pytest.fixture
async def member(ledger, story):
    await ledger.hear(story.registered())


async def test_a_card_is_made_once_and_leads_to_its_member(member, client):
    assert (await client.get(URL)).json()["code"] == "card_not_found"
    made = await client.put(URL)
    again = await client.put(URL)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json() == (await client.get(URL)).json()
    found = await client.get(f"/v1/cards/{made.json()['number']}")
    assert found.json()["customer_id"] == "cus_1"


async def test_a_replaced_card_is_refused_and_the_new_one_counts(member, client):
    old = (await client.put(URL)).json()["number"]
    new = await client.post(f"{URL}/replace")
    assert new.status_code == 201
    assert new.json()["number"] != old
    assert (await client.get(f"/v1/cards/{old}")).json()["code"] == "card_replaced"
    assert (await client.get(f"/v1/cards/{new.json()['number']}")).status_code == 200


async def test_nobody_has_no_card(member, client):
    assert (await client.put("/v1/members/cus_9/card")).json()["code"] == "member_not_found"
    assert (await client.post(f"{URL}/replace")).json()["code"] == "card_not_found"
    assert (await client.get("/v1/cards/9000000000000000")).json()["code"] == "card_not_found"
    assert (await client.get("/v1/cards/900")).status_code == 422


async def test_merged_customers_show_one_card(ledger, story, member, client):
    await ledger.hear(story.registered("cus_2"))
    number = (await client.put("/v1/members/cus_2/card")).json()["number"]
    await ledger.hear(CustomerMerged(merge_id="mrg_1", survivor_id="cus_1", merged_id="cus_2", merged_at=NOW))
    assert (await client.get(URL)).json()["number"] == number
    assert (await client.put(URL)).json()["number"] == number


async def test_an_erased_member_has_no_card_and_gets_none(ledger, member, client):
    number = (await client.put(URL)).json()["number"]
    await ledger.hear(CustomerErased(customer_id="cus_1", erasure_id="era_1", customer_ids=["cus_1"], requested_at=NOW))
    assert (await client.get(f"/v1/cards/{number}")).json()["code"] == "card_not_found"
    assert (await client.put(URL)).json()["code"] == "member_not_found"
    assert not await ledger.fetch("SELECT number FROM member_cards")


async def test_a_member_sees_his_own_card_and_asks_for_no_number(member, client, token_of):
    number = (await client.put(URL)).json()["number"]
    own, other = ({"authorization": f"Bearer {token_of(customer)}"} for customer in ("cus_1", "cus_2"))
    assert (await client.get(URL, headers=own)).status_code == 200
    for path in ("", ".svg", ".png", "/apple-pass", "/google-pass"):
        assert (await client.get(URL + path, headers=other)).status_code == 404
    assert (await client.get(f"/v1/cards/{number}", headers=own)).status_code == 403


@pytest.mark.parametrize(
    ("path", "media_type", "begins"),
    [
        (".svg", "image/svg+xml", b"<svg"),
        (".png", "image/png", b"\x89PNG"),
        ("/apple-pass", "application/vnd.apple.pkpass", b"PK"),
    ],
)
async def test_a_card_is_drawn(member, client, path, media_type, begins):
    assert (await client.get(URL + path)).json()["code"] == "card_not_found"
    await client.put(URL)
    answer = await client.get(URL + path)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, media_type)
    assert answer.content.startswith(begins)


async def test_a_pass_without_an_account_comes_unsigned(ledger, story, member, client):
    number = (await client.put(URL)).json()["number"]
    await ledger.hear(story.placed("ord_1", 4_200))
    answer = (await client.get(f"{URL}/google-pass")).json()
    assert answer["save_url"] is None
    [card] = answer["claims"]["payload"]["loyaltyObjects"]
    assert (card["barcode"]["value"], card["loyaltyPoints"]["balance"]) == (number, {"int": 42})
    with zipfile.ZipFile(io.BytesIO((await client.get(f"{URL}/apple-pass")).content)) as package:
        assert "signature" not in package.namelist()
        assert json.loads(package.read("pass.json"))["storeCard"]["primaryFields"][0]["value"] == 42


def test_apple_s_package_is_signed_by_the_certificate():
    key, certificate = _self_signed()
    package = apple_pass(FACTS, AppleIdentity("pass.org.example", "TEAM1", certificate, key, certificate))
    with zipfile.ZipFile(io.BytesIO(package)) as files:
        assert set(json.loads(files.read("manifest.json"))) | {"manifest.json", "signature"} == set(files.namelist())
        assert json.loads(files.read("pass.json"))["organizationName"] == "Чайный клуб"
        [signer, *_] = pkcs7.load_der_pkcs7_certificates(files.read("signature"))
    assert signer == x509.load_pem_x509_certificate(certificate)


def test_google_s_link_holds_a_token_signed_by_the_key():
    key, certificate = _self_signed()
    identity = GoogleIdentity("3388", "wallet@example.org", key)
    link = google_link(google_claims(FACTS, identity, NOW), identity)
    public = x509.load_pem_x509_certificate(certificate).public_key()
    claims = jwt.decode(link.rpartition("/")[2], public, algorithms=["RS256"], audience="google")
    assert claims["payload"]["loyaltyObjects"][0]["classId"] == "3388.prg_1"
    assert claims["iss"] == "wallet@example.org"


def _self_signed() -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pass.org.example")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    certificate = builder.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1)).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, certificate.public_bytes(serialization.Encoding.PEM)


def test_the_check_digit_is_the_one_of_the_standard():
    # The example of ISO/IEC 7812-1.
    assert check_digit("7992739871") == "3"


@given(place=st.integers(0, 15), by=st.integers(1, 9))
def test_a_wrong_digit_is_noticed(place, by):
    number = new_number()
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    assert len(number) == 16
    assert check_digit(number[:-1]) == number[-1]
    assert check_digit(wrong[:-1]) != wrong[-1]


async def test_a_member_s_card_is_found_by_index(database):
    async with database.acquire() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        assert "ix_member_cards_c" in await plan_of(connection, repository._CURRENT, "'cus_1'")
        assert "pk_member_cards" in await plan_of(connection, repository._FIND, "'9000000000000009'")
