"""Sealing: who asked can open it, nobody else, and no piece can take another's place."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.following import sealing
from shared.following.sealing import SealBroken, new_key_pair, open_answer, open_sealed, seal, seal_answer

PRIVATE, PUBLIC = new_key_pair()
json = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda each: st.lists(each, max_size=3))
answers = st.dictionaries(st.text(min_size=1), st.lists(st.dictionaries(st.text(), json, max_size=3), max_size=3), max_size=3)


@given(st.binary(max_size=2_000), st.text())
def test_what_is_sealed_opens(plain, context):
    sealed = seal(plain, public_key=PUBLIC, context=context)
    assert open_sealed(sealed, private_key=PRIVATE, context=context) == plain


@given(st.binary(min_size=1, max_size=200))
def test_the_same_bytes_never_look_alike(plain):
    assert seal(plain, public_key=PUBLIC, context="") != seal(plain, public_key=PUBLIC, context="")


def test_another_key_or_place_opens_nothing():
    sealed = seal(b"secret", public_key=PUBLIC, context="axp_1/loyalty/1/2")
    with pytest.raises(SealBroken):
        open_sealed(sealed, private_key=new_key_pair()[0], context="axp_1/loyalty/1/2")
    with pytest.raises(SealBroken):
        open_sealed(sealed, private_key=PRIVATE, context="axp_1/loyalty/2/2")


@pytest.mark.parametrize("sealed", ["", "A", "AAAA", "AQ", "!!!!", "é", "_" * 100])
def test_what_is_no_seal_is_refused(sealed):
    with pytest.raises(SealBroken):
        open_sealed(sealed, private_key=PRIVATE, context="")


@pytest.mark.parametrize("key", ["", "AAAA", "!", "A" * 43])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError, match="no X25519 key"):
        seal(b"x", public_key=key, context="")


@given(answers)
def test_an_answer_comes_back(collected):
    pieces = seal_answer(collected, public_key=PUBLIC, export_id="axp_1", service="loyalty")
    assert open_answer(pieces, private_key=PRIVATE, export_id="axp_1", service="loyalty") == collected


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(sealing, "PIECE_BYTES", 50)


def test_pieces_keep_their_places(small_pieces):
    collected = {"orders": [{"id": f"ord_{number * number}"} for number in range(50)]}
    pieces = seal_answer(collected, public_key=PUBLIC, export_id="axp_1", service="loyalty")
    assert len(pieces) > 3
    assert [(piece.number, piece.of) for piece in pieces] == [(number, len(pieces)) for number in range(1, len(pieces) + 1)]
    assert open_answer(pieces, private_key=PRIVATE, export_id="axp_1", service="loyalty") == collected
    wrong = [pieces[1:], pieces[:-1], [pieces[1], pieces[0], *pieces[2:]], [replace(pieces[0], sha256="0" * 64), *pieces[1:]], []]
    for changed in wrong:
        with pytest.raises(SealBroken):
            open_answer(changed, private_key=PRIVATE, export_id="axp_1", service="loyalty")


def test_a_full_piece_fits_into_an_event():
    assert len(seal(bytes(sealing.PIECE_BYTES), public_key=PUBLIC, context="x" * 100)) <= 256 * 1024
