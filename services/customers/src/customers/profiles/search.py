"""The searchable form of a name: plain ASCII, the same for every spelling and script that people take for the same."""

import unicodedata
from typing import NamedTuple

# Names longer than this are searched by their beginning.
MAX_FOLDED_LENGTH = 600

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
# Accents, and the letter-like apostrophes that names are written with.
_DROPPED = dict.fromkeys([*range(0x300, 0x370), *range(0x2B0, 0x300)])


class SearchTerm(NamedTuple):
    """What a search looks for.

    Attributes:
        pattern: LIKE pattern for the searchable form.
        similar: text that a name may merely resemble, or None where resemblance means nothing.
    """

    pattern: str
    similar: str | None


def fold(name: str | None) -> str:
    """Return the searchable form of a name: words of `a-z0-9`, each after a space, or '' without any letter.

    Case, accents, punctuation and compatibility forms vanish; Cyrillic and Greek are written in Latin letters; a letter of
    any other script becomes `~` and five hexadecimal digits, so that one of them alone can be found through trigrams.
    """
    if not name:
        return ""
    if name.isascii():
        characters = name.lower()
    else:
        composed = unicodedata.normalize("NFKC", name).casefold()
        # Twice: folding case can bring forth a form that normalises further.
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", composed).casefold())
        characters = unicodedata.normalize("NFC", decomposed.translate(_DROPPED)).translate(_LETTERS)
    words = "".join(map(_written, characters)).split()
    return "".join(f" {word}" for word in words)[:MAX_FOLDED_LENGTH].rstrip()


def search_term(query: str) -> SearchTerm | None:
    """Return what to look for, or None when the query holds nothing that a name could hold."""
    folded = fold(query)
    if not folded:
        return None
    words = folded[1:]
    if len(words) < 3:
        # Too short for a trigram inside a word; the beginning of a word has one.
        return SearchTerm(f"%{folded}%", None)
    return SearchTerm(f"%{words}%", None if "~" in words else words)


def _written(character: str) -> str:
    if character.isascii():
        return character if character.isalnum() else " "
    # Marks belong to the letter before them: the vowels of Indic scripts, for one.
    if unicodedata.category(character)[0] in "LMN":
        return f"~{ord(character):05x}"
    return " "
