"""What somebody who types into the search field looks for, as classes of matches, the best first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from customers.search.names import sound, spellings, words

MAX_WORDS = 6
# Shorter words resemble too many others.
MIN_CORRECTED_LENGTH = 4
_MIN_DIGITS = 4
_MIN_SOUND_LENGTH = 3
_PHONE_CHARACTERS = frozenset("+-() ./0123456789")


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for.

    Attributes:
        classes: text queries on a customer's document, the best matches first; none when nothing can match.
        correctable: words that may hold typing errors.
        words: all words in Latin letters, each of which a match must hold in the last class.
        is_rare: whether few can match, as with a number or an address.
    """

    classes: tuple[str, ...]
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
        return Search((lexeme(f"@{address}"), prefix(f"@{address}")), is_rare=True)
    digits = "".join(letter for letter in text if letter.isdecimal() and letter.isascii())
    if len(digits) >= _MIN_DIGITS and _PHONE_CHARACTERS.issuperset(text):
        return Search((any_of([lexeme(f"+{digits}"), lexeme(f"!{text.lower()}")]), _by_digits(text, digits)), is_rare=True)
    latin = tuple(words(text)[:MAX_WORDS])
    if not latin:
        return Search(())
    # A name in another script is first looked for as it is written.
    written = [each for each in _as_written(text) if each][:MAX_WORDS] or list(latin)
    classes = [any_of([all_of(map(lexeme, written)), lexeme(f"!{text.lower()}")]), all_of(map(prefix, written))]
    if written != list(latin):
        classes.append(all_of(map(prefix, latin)))
    return Search(tuple(classes), latin)


def corrected(search: Search, similar: Mapping[str, Sequence[str]]) -> str | None:
    """Return the class of matches whose words merely resemble those that were typed, or sound alike.

    Args:
        search: what is looked for.
        similar: words that names hold, by the word that they resemble.
    """
    if not search.correctable:
        return None
    return all_of(any_of([prefix(word), *map(lexeme, similar.get(word, ())), *_sounding(word)]) for word in search.words)


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
    return [lexeme(f"*{heard}")] if len(heard) >= _MIN_SOUND_LENGTH else []
