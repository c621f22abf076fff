"""How two names agree: their words in any order, script and spelling, with typing errors."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from rapidfuzz.distance import OSA

from customers.search.names import sound, telling, words

WordMatch = Literal["same", "sounds_same", "similar", "initials"]
NameMatch = Literal["same", "sounds_same", "similar", "initials", "part", "conflicts", "different"]

_LEVELS: tuple[WordMatch, ...] = ("same", "sounds_same", "similar", "initials")
_MIN_TYPO_LENGTH = 4
_LENGTH_FOR_TWO_TYPOS = 9
# In words up to these lengths the vowels, or the first letter, make another name.
_LENGTH_OF_VOWELS = 4
_LENGTH_OF_FIRST_LETTER = 5
_VOWELS = frozenset("aeiouyj")
_FRONT = str.maketrans("eyj", "iii")
# What languages write differently, before letters are counted.
_SPELLINGS = (("shch", "sc"), ("zh", "z"), ("sh", "s"), ("ch", "c"), ("kh", "h"), ("ts", "c"), ("ks", "x"), ("ph", "f"))
_LETTERS = str.maketrans("wyj", "vii")
# In pinyin j stands before i and u only; Russian writes it as ts and z.
_PINYIN = re.compile("j(?=[iu])")


@lru_cache(maxsize=16_384)
def name_words(name: str | None) -> tuple[str, ...]:
    """Return the words of a name that tell it from others, initials included."""
    return tuple(telling(words(name)))


def compare_names(one: Sequence[str], other: Sequence[str]) -> NameMatch | None:
    """Return how the words of two names agree in any order, or None when one of them has none.

    Returns:
        `same`, `sounds_same`, `similar` (typing errors) or `initials` by the word that agrees least; `part` when one name is a
        single word of the other; `conflicts` when some words agree and others do not; `different` when none does.
    """
    if not one or not other:
        return None
    if _joined(one) & _joined(other):
        return "same"
    shorter, longer = sorted((tuple(one), tuple(other)), key=lambda each: (len(each), each))
    matches, unmatched = _matched(list(shorter), list(longer))
    if unmatched:
        return "conflicts" if any(each != "initials" for each in matches) else "different"
    if len(shorter) == 1 < len(longer):
        return "part"
    return max(matches, key=_LEVELS.index)


@lru_cache(maxsize=65_536)
def compare_words(one: str, other: str) -> WordMatch | None:
    """Return how two Latin words agree, or None."""
    if one == other:
        return "same"
    if min(len(one), len(other)) == 1:
        return "initials" if one[0] == other[0] else None
    if _sounds_same(one, other):
        return "sounds_same"
    return "similar" if _is_typing_error(one, other) else None


def _matched(shorter: list[str], longer: list[str]) -> tuple[list[WordMatch], list[str]]:
    """Match each word with the other name's best; return how they agree, and the shorter name's words that found none."""
    matches: list[WordMatch] = []
    for level in _LEVELS:
        for word in tuple(shorter):
            found = next((each for each in longer if compare_words(*sorted((word, each))) == level), None)
            if found is not None:
                longer.remove(found)
                shorter.remove(word)
                matches.append(level)
    return matches, shorter


def _joined(name: Sequence[str]) -> set[str]:
    # Given names are written in one word or in two, before or after the surname.
    return {"".join([*name[place:], *name[:place]]) for place in range(len(name))}


def _sounds_same(one: str, other: str) -> bool:
    for first, second in ((one, other), (_PINYIN.sub("s", one), _PINYIN.sub("s", other))):
        if sound(first) == sound(second) and _beginning(first) == _beginning(second):
            return min(len(one), len(other)) > _LENGTH_OF_VOWELS or _vowels(first) == _vowels(second)
    return False


def _is_typing_error(one: str, other: str) -> bool:
    length = min(len(one), len(other))
    if length < _MIN_TYPO_LENGTH or (length <= _LENGTH_OF_FIRST_LETTER and one[0] != other[0]):
        return False
    allowed = 2 if length >= _LENGTH_FOR_TWO_TYPOS else 1
    return OSA.distance(_plain(one), _plain(other), score_cutoff=allowed) <= allowed


@lru_cache(maxsize=16_384)
def _plain(word: str) -> str:
    for spelling, plain in _SPELLINGS:
        if spelling in word:
            word = word.replace(spelling, plain)
    return word.translate(_LETTERS)


def _beginning(word: str) -> str:
    """Return the vowel that a word begins with, the same for Elena, Jeļena and Yelena; nothing before a consonant."""
    bare = word.removeprefix("h")
    if bare[:1] in ("y", "j") and bare[1:2] in ("a", "o", "u"):
        return f"i{bare[1]}"
    return bare[0].translate(_FRONT) if bare[:1] in _VOWELS and bare else ""


def _vowels(word: str) -> str:
    heard = [letter.translate(_FRONT) for letter in word if letter in _VOWELS]
    return "".join(letter for place, letter in enumerate(heard) if place == 0 or heard[place - 1] != letter)
