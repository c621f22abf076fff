"""The words that a name is found by."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from customers.search.names import readings, spellings, words

_LETTERS = st.characters(min_codepoint=1, max_codepoint=0x52F)
_NAMES = st.text(_LETTERS | st.sampled_from("ĀāŽžЁёЙйÉé -'王伟"), max_size=12)


@given(_NAMES)
def test_composed_and_decomposed_names_are_one(name):
    assert words(name) == words(unicodedata.normalize("NFD", unicodedata.normalize("NFC", name)))


@given(_NAMES)
def test_readings_are_words_and_spellings(name):
    assert readings(name) == (words(name), spellings(name))


@given(_NAMES)
def test_words_are_latin_letters_and_digits(name):
    assert all(word.isascii() and word.isalnum() and word == word.lower() for word in words(name))
