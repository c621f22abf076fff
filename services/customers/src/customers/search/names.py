"""The words that a name is found by, in Latin letters whatever script it is written in, and keys for how they sound.

Everything is plain ASCII: a database with the locale C.UTF-8 compares and indexes nothing else well.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations

from anyascii import anyascii

# Letters that Unicode does not decompose, and the alphabets that are commonly written in Latin letters.
_LATIN = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n"})
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i", "к": "k", "л": "l", "м": "m",
    "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh",
    "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya", "і": "i", "є": "e", "ґ": "g", "ђ": "dj", "ј": "j",
    "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz", "ѕ": "dz",
}  # fmt: skip
_GREEK = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l", "μ": "m",
    "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
    "ς": "s",
}  # fmt: skip
_LETTERS = _LATIN | str.maketrans(_CYRILLIC | _GREEK)
_ASCII_WORD = re.compile("[a-z0-9]+")
# Accents, and the letter-like apostrophes that names are written with.
_DROPPED = dict.fromkeys([*range(0x300, 0x370), *range(0x2B0, 0x300)])

# Characters that read differently as a surname than elsewhere, and surnames of two characters.
_SURNAMES = {
    "曾": "zeng", "单": "shan", "解": "xie", "仇": "qiu", "区": "ou", "查": "zha", "任": "ren", "盖": "ge", "朴": "piao", "缪": "miao",
}  # fmt: skip
_LONG_SURNAMES = frozenset(
    {"欧阳", "歐陽", "司马", "司馬", "诸葛", "諸葛", "上官", "夏侯", "皇甫", "东方", "東方", "尉迟", "公孙", "公孫"}
    | {"慕容", "司徒", "令狐", "端木", "南宫", "南宮", "长孙", "長孫", "宇文", "轩辕"}
)
# A run of Han characters longer than this is no person's name.
_MAX_HAN_NAME = 4

# What says nothing about who somebody is: the legal forms of companies, and titles.
_INSIGNIFICANT = frozenset(
    {"sia", "as", "ik", "ooo", "oao", "zao", "ao", "pao", "ip", "ltd", "llc", "inc", "gmbh", "ag", "co", "corp", "uab", "ou", "oy", "ab"}
    | {"sa", "srl", "mr", "mrs", "ms", "dr", "prof"}
)

# How letters sound, in the order in which they are replaced; what is spelled differently by two languages becomes one.
_SOUNDS = (
    *(("shch", "s"), ("sch", "s"), ("tch", "s"), ("dzh", "s"), ("zh", "s"), ("ch", "s"), ("sh", "s"), ("kh", "h")),
    *(("ts", "s"), ("tz", "s"), ("dz", "s"), ("ks", "s"), ("x", "s"), ("ph", "f"), ("th", "t"), ("ck", "k"), ("ct", "kt"), ("ng", "n")),
)
_CLASSES = str.maketrans("bdgvwzcq", "ptkffsss", "aeiouyjh")
_VOWELS = frozenset("aeiouyjh")
# Keys of more words than this would make more pairs than a name is worth.
_MAX_SOUNDING_WORDS = 4


def words(name: str | None) -> list[str]:
    """Return the words of a name in Latin letters and digits, in the name's order; none when it has no letter.

    Case, accents, punctuation and compatibility forms vanish. Cyrillic and Greek are transliterated, Han is read in
    pinyin (surname, then given name), every other script as `anyascii` writes it.
    """
    return _words(_runs(name))


def spellings(name: str | None) -> list[str]:
    """Return further words that a name is found by: its characters of other scripts, and pinyin written differently.

    A character becomes `~` and five hexadecimal digits, so that the beginning of a name finds it.
    """
    return [] if not name or name.isascii() else _spellings(_runs(name))


def readings(name: str | None) -> tuple[list[str], list[str]]:
    """Return the `words` and the `spellings` of a name."""
    runs = _runs(name)
    return _words(runs), _spellings(runs)


def _words(runs: Iterable[str]) -> list[str]:
    return [word for run in runs for word in ((run,) if run.isascii() else _romanised(run))]


def _spellings(runs: Iterable[str]) -> list[str]:
    found: list[str] = []
    for run in runs:
        if not run.isascii():
            coded = [f"~{ord(character):05x}" for character in run]
            starts = range(len(coded)) if _is_han(run) and len(run) <= _MAX_HAN_NAME else (0,)
            found += ["".join(coded[start:]) for start in starts]
            found += _written_differently(run)
    return [each for each in found if each]


@lru_cache(maxsize=16_384)
def sound(word: str) -> str:
    """Return how a Latin word sounds, roughly: the same for its spellings in Latvian, English and transliterated Russian.

    Consonants of a kind become one letter, vowels vanish but for an `a` that stands for any at the beginning, and so do
    the `s` of Latvian masculine names and the difference of feminine ones.
    """
    rest = word
    if len(word) > 3 and word.endswith("s"):
        rest = word[:-1]
    elif len(word) > 5 and word.endswith("nsh"):
        # As Russian writes the Latvian ending.
        rest = word[:-2]
    if rest.startswith("c") and rest[1:2] in ("a", "o", "u", "l", "r"):
        rest = f"k{rest[1:]}"
    for written, heard in _SOUNDS:
        if written in rest:
            rest = rest.replace(written, heard)
    start = "a" if rest[:1] in _VOWELS else ""
    return start + _squeezed(rest.translate(_CLASSES))


def sound_keys(name_words: Iterable[str]) -> list[str]:
    """Return the keys under which people of nearly the same name meet: each word's sound, and each pair's in any order.

    Args:
        name_words: from `words`.
    """
    heard = sorted({sound(word) for word in significant(name_words)} - {""})[:_MAX_SOUNDING_WORDS]
    return [*(f"*{each}" for each in heard), *(f"*{first}.{second}" for first, second in combinations(heard, 2))]


def significant(name_words: Iterable[str]) -> list[str]:
    """Return the words that tell one name from another: no initials, titles or legal forms, unless there is nothing else."""
    every = telling(name_words)
    return [word for word in every if len(word) > 1] or every


def telling(name_words: Iterable[str]) -> list[str]:
    """Return the words of a name but for titles and legal forms, unless there is nothing else."""
    every = list(name_words)
    return [word for word in every if word not in _INSIGNIFICANT] or every


def _squeezed(text: str) -> str:
    return "".join(letter for place, letter in enumerate(text) if place == 0 or text[place - 1] != letter)


def _runs(name: str | None) -> list[str]:
    """Cut a name into words of one script each: Latin letters and digits, or another script's characters."""
    if not name:
        return []
    characters = name.lower() if name.isascii() else name.lower().translate(_PLAIN_LETTERS)
    if not characters.isascii():
        characters = _bare(name)
    if characters.isascii():
        return _ASCII_WORD.findall(characters)
    return "".join(_separated(characters)).split()


def _bare(name: str) -> str:
    """Return a name without case and accents, in Latin letters where it has an alphabet."""
    composed = unicodedata.normalize("NFKC", name).casefold()
    # Twice: folding case can bring forth a form that normalises further.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", composed).casefold())
    return unicodedata.normalize("NFC", decomposed.translate(_DROPPED)).translate(_LETTERS)


# Small letters of Latin and Cyrillic alphabets that mean the same whatever is beside them: most names hold no others.
_PLAIN_LETTERS = {
    ord(letter): bare
    for letter in map(chr, (*range(0xDF, 0x180), *range(0x430, 0x460)))
    if letter == letter.lower() and (bare := _bare(letter)).isascii()
}


def _separated(characters: str) -> Iterable[str]:
    was_ascii = True
    for character in characters:
        is_ascii = character.isascii()
        # Marks belong to the letter before them: the vowels of Indic scripts, for one.
        kept = character.isalnum() if is_ascii else unicodedata.category(character)[0] in "LMN"
        yield (character if is_ascii == was_ascii else f" {character}") if kept else " "
        was_ascii = is_ascii


def _romanised(run: str) -> list[str]:
    if not _is_han(run):
        return _letters_of(anyascii(run))
    if not 1 < len(run) <= _MAX_HAN_NAME:
        return [syllable for character in run for syllable in _letters_of(anyascii(character))]
    surname, given = _han_parts(run)
    return [part for part in ("".join(surname), "".join(given)) if part]


def _written_differently(run: str) -> list[str]:
    if not _is_han(run) or not 1 < len(run) <= _MAX_HAN_NAME:
        return []
    surname, given = _han_parts(run)
    return ["".join([*surname, *given]), *(given[1:])]


def _han_parts(run: str) -> tuple[list[str], list[str]]:
    """Return the syllables of the surname and those of the given name."""
    length = 2 if run[:2] in _LONG_SURNAMES and len(run) > 2 else 1
    syllables = ["".join(_letters_of(anyascii(character))) for character in run]
    return [_SURNAMES.get(run[0], syllables[0]), *syllables[1:length]], syllables[length:]


def _letters_of(text: str) -> list[str]:
    return _ASCII_WORD.findall(text.lower())


def _is_han(run: str) -> bool:
    return all("\u3400" <= character <= "\u9fff" or character >= "\U00020000" for character in run)
