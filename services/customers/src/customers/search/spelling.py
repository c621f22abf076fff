"""How far two spellings of a word are apart."""

from rapidfuzz.distance import OSA

# Longer words take two slips of a finger.
_LENGTH_FOR_TWO = 7


def is_typing_error(typed: str, word: str) -> bool:
    """Tell whether somebody who typed one word may have meant the other: it holds it, or few letters differ.

    A letter too many, missing, wrong, or two that changed places count as one error.
    """
    allowed = 2 if len(typed) >= _LENGTH_FOR_TWO else 1
    # The end may not have been typed yet.
    return typed in word or OSA.distance(typed, word, score_cutoff=allowed) <= allowed
