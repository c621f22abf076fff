"""What somebody who types into the search field looks for, as classes of matches, the best first."""

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from customers.search.names import sound, spellings, words

MAX_WORDS = 6
# Shorter words resemble too many others.
MIN_CORRECTED_LENGTH = 4
# Shorter words are not remembered.
MIN_KNOWN_LENGTH = 3
_MIN_DIGITS = 4
_MIN_SOUND_LENGTH = 3
_LETTERS = frozenset(string.ascii_lowercase)
# Length of the spelling of one character of another script.
_ONE_CHARACTER = 6
_PHONE_CHARACTERS = frozenset("+-() ./0123456789")


class Part(NamedTuple):
    """What one typed word asks for: a lexeme that begins with it, or one of some others."""

    word: str
    others: tuple[str, ...] = ()


class Matches(NamedTuple):
    """A class of matches.

    Attributes:
        query: a text query on documents.
        parts: all of these make the query, unless it asks for whole lexemes.
    """

    query: str
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    Attributes:
        classes: the best matches first; none when nothing can match.
        words: all words in Latin letters, each of which a match must hold in the last class.
        is_rare: whether few can match, as with a number or an address.
    """

    classes: tuple[Matches, ...]
    words: tuple[str, ...] = ()
    is_rare: bool = False

    @property
    def correctable(self) -> tuple[str, ...]:
        """The words that are long enough to be taken for others."""
        return tuple(word for word in self.words if len(word) >= MIN_CORRECTED_LENGTH and word.isalpha())


def search_for(query: str) -> Search:
    """Return what a query means: an e-mail address, the digits of a number, or words of a name in any script."""
    text = query.strip()
    if "@" in text:
        address = text.lower()
        return Search((Matches(lexeme(f"@{address}")), Matches(prefix(f"@{address}"))), is_rare=True)
    digits = "".join(letter for letter in text if letter.isdecimal() and letter.isascii())
    if len(digits) >= _MIN_DIGITS and _PHONE_CHARACTERS.issuperset(text):
        exactly = Matches(any_of([lexeme(f"+{digits}"), lexeme(f"!{text.lower()}")]))
        return Search((exactly, Matches(_by_digits(text, digits))), is_rare=True)
    latin = tuple(dict.fromkeys(words(text)))[:MAX_WORDS]
    if not latin:
        return Search(())
    # A name in another script is first looked for as it is written.
    written = tuple(dict.fromkeys(each for each in _as_written(text) if each))[:MAX_WORDS] or latin
    classes = [Matches(any_of([all_of(map(lexeme, written)), lexeme(f"!{text.lower()}")])), beginning_with(map(Part, written))]
    if written != latin:
        classes.append(beginning_with(map(Part, latin)))
    return Search(tuple(classes), latin)


def beginning_with(parts: Iterable[Part]) -> Matches:
    """Return the class of matches that hold every part."""
    every = tuple(parts)
    return Matches(all_of(any_of([prefix(part.word), *map(lexeme, part.others)]) for part in every), every)


def corrected(search: Search, similar: Mapping[str, Sequence[str]]) -> list[Matches]:
    """Return the classes of matches whose words merely resemble those that were typed, or sound alike.

    Args:
        search: what is looked for.
        similar: words that names hold, by the word that they may have been meant by.
    """
    if not search.correctable:
        return []
    others = {word: tuple(each for each in similar.get(word, ()) if not each.startswith(word)) for word in search.words}
    # What is a word of a name as it was typed was rather meant so.
    near = [Part(word, () if word in similar.get(word, ()) else others[word]) for word in search.words]
    far = [Part(word, (*others[word], *_sounding(word))) for word in search.words]
    return [beginning_with(parts) for parts in (near, far) if any(part.others for part in parts)]


def is_expandable(word: str) -> bool:
    """Tell whether the words that begin with this one are all known."""
    return len(word) >= MIN_KNOWN_LENGTH and word[0] in _LETTERS


def is_selective(word: str) -> bool:
    """Tell whether few lexemes begin with this, though nobody knows which: digits, or several characters of another script."""
    return word[0].isdigit() if word[0] != "~" else len(word) > _ONE_CHARACTER


def without(wanted: str, earlier: Iterable[str]) -> str:
    """Return a query for what matches one query and none of the earlier ones."""
    before = any_of(earlier)
    return f"({wanted}) & !({before})" if before else wanted


def lexeme(text: str) -> str:
    """Return the query for a lexeme, whatever characters it holds."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def prefix(text: str) -> str:
    """Return the query for the lexemes that begin with a text."""
    return f"{lexeme(text)}:*"


def any_of(queries: Iterable[str]) -> str:
    """Return a query that one of some queries satisfies."""
    return " | ".join(f"({each})" for each in queries)


def all_of(queries: Iterable[str]) -> str:
    """Return a query that all of some queries satisfy."""
    return " & ".join(f"({each})" for each in queries)


def _by_digits(text: str, digits: str) -> str:
    # People leave the country's code away and begin with 0 or 8 where they must dial it; the end of a number stays the same.
    national = digits.lstrip("0") or digits
    ends = {national, national[1:] if national.startswith("8") and len(national) > 10 else national}
    return any_of([prefix(f"+{digits}"), *(prefix(f"-{end[::-1]}") for end in sorted(ends)), prefix(f"!{text.lower()}"), prefix(digits)])


def _as_written(text: str) -> list[str]:
    # Other scripts first: their longest spelling holds all the characters of the run.
    coded = [each for each in spellings(text) if each.startswith("~")]
    if not coded:
        return []
    longest: list[str] = []
    for each in coded:
        if not any(other.endswith(each) for other in longest):
            longest.append(each)
    return [*longest, *words("".join(letter if letter.isascii() else " " for letter in text))]


def _sounding(word: str) -> list[str]:
    heard = sound(word)
    return [f"*{heard}"] if len(heard) >= _MIN_SOUND_LENGTH else []
