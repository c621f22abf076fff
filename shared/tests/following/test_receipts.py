"""Receipts and their chain: what is signed comes back, and nothing else passes."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.following.receipts import (
    CERTIFICATE_TYPE,
    Receipt,
    ReceiptInvalid,
    chain,
    receipt_key,
    sign_claims,
    sign_receipt,
    thumbprint,
    verify_claims,
    verify_receipt,
)
from shared.http.tokens import SigningKey

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
AT = datetime(2026, 5, 1, 12, 30, 0, 123456, tzinfo=UTC)
RECEIPT = Receipt("era_1", "cus_1", "loyalty", {"members": 1, "entries": 12}, AT)

names = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=20)
receipts = st.builds(
    Receipt,
    names,
    names,
    names,
    st.dictionaries(names, st.integers(0, 10**9), max_size=5),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the strategy adds the zone
)


@given(receipts)
def test_what_is_signed_comes_back(receipt):
    assert verify_receipt(sign_receipt(KEY, receipt), KEY.jwk) == receipt


def test_another_key_is_refused():
    with pytest.raises(ReceiptInvalid):
        verify_receipt(sign_receipt(KEY, RECEIPT), OTHER.jwk)


@given(st.data())
def test_a_changed_receipt_is_refused(data):
    token = sign_receipt(KEY, RECEIPT)
    # The last character of a base64url part may hold bits that count for nothing, so it stays.
    place = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.sampled_from("ABCxyz019-_"))
    changed = token[:place] + letter + token[place + 1 :]
    if token[place] != letter and token[place] != "." and token[place + 1] != ".":
        with pytest.raises(ReceiptInvalid):
            verify_receipt(changed, KEY.jwk)


@pytest.mark.parametrize("token", ["", "a.b.c", "not a token", "é.é.é"])
def test_what_is_no_receipt_is_refused(token):
    with pytest.raises(ReceiptInvalid):
        verify_receipt(token, KEY.jwk)


@pytest.mark.parametrize("jwk", [{}, {"x": "short"}, {"x": 7}])
def test_what_is_no_key_is_refused(jwk):
    with pytest.raises(ReceiptInvalid):
        verify_receipt(sign_receipt(KEY, RECEIPT), jwk)


def test_a_certificate_is_not_taken_for_a_receipt():
    token = sign_claims(KEY, CERTIFICATE_TYPE, {"chain": "0"})
    assert verify_claims(token, CERTIFICATE_TYPE, KEY.jwk) == {"chain": "0"}
    with pytest.raises(ReceiptInvalid):
        verify_receipt(token, KEY.jwk)


def test_signed_claims_of_another_form_are_refused():
    with pytest.raises(ReceiptInvalid):
        verify_receipt(sign_claims(KEY, "erasure-receipt+jws", {"erasure_id": "era_1"}), KEY.jwk)


@given(st.lists(st.tuples(names, names), max_size=6), st.randoms(use_true_random=False))
def test_the_chain_knows_no_order_of_arrival(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert chain(shuffled) == chain(pairs)


@given(st.lists(st.tuples(names, names), min_size=1, max_size=6, unique=True), st.data())
def test_the_chain_changes_with_each_receipt(pairs, data):
    gone = data.draw(st.sampled_from(pairs))
    assert chain([pair for pair in pairs if pair != gone]) != chain(pairs)
    assert chain([*(pair for pair in pairs if pair != gone), (gone[0], gone[1] + "x")]) != chain(pairs)


def test_the_thumbprint_is_the_key_id():
    assert thumbprint(KEY.jwk) == KEY.kid
    assert thumbprint({"x": "a"}) != KEY.kid


class OneRow:
    """Keeps one row as the table does, for two processes that start at once."""

    def __init__(self) -> None:
        self.raw: bytes | None = None

    async def fetchval(self, _statement):
        seen = self.raw
        await asyncio.sleep(0)
        return seen

    async def execute(self, _statement, _kid, raw):
        self.raw = self.raw or raw


async def test_processes_that_start_at_once_share_one_key():
    table = OneRow()
    first, second = await asyncio.gather(receipt_key(table), receipt_key(table))  # pyright: ignore[reportArgumentType]
    assert first.kid == second.kid == (await receipt_key(table)).kid  # pyright: ignore[reportArgumentType]
