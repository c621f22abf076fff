"""Identifiers."""

import re

from hypothesis import given
from hypothesis import strategies as st

from shared.ids import encode, id_pattern, new_id

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_NUMBERS = st.integers(0, 2**128 - 1)


@given(_NUMBERS)
def test_the_text_is_the_number_in_base_32(number):
    read = 0
    for character in encode(number):
        read = read * 32 + _ALPHABET.index(character)
    assert (len(encode(number)), read) == (26, number)


@given(_NUMBERS, _NUMBERS)
def test_texts_sort_as_numbers_do(one, other):
    assert (encode(one) < encode(other)) == (one < other)


def test_new_ids_are_as_their_pattern_says():
    assert re.fullmatch(id_pattern("cus"), new_id("cus"))
