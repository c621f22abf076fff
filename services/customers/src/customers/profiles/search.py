"""The searchable form of a name, as its row holds it."""

from customers.search.names import readings, sound_keys

# Names longer than this are searched by their beginning.
MAX_FOLDED_LENGTH = 600


def fold(name: str | None) -> str:
    """Return what a name is sorted and found by, or '' without any letter: ASCII words, each after a space.

    First its words in Latin letters, then further spellings (`~` before each character of another script), then the
    keys of its sound (`*` before each).
    """
    found, spelled = readings(name)
    if not found:
        return ""
    every = dict.fromkeys([*found, *spelled, *sound_keys(found)])
    folded = "".join(f" {word}" for word in every)
    if len(folded) <= MAX_FOLDED_LENGTH:
        return folded
    return folded[:MAX_FOLDED_LENGTH].rpartition(" ")[0] or folded[:MAX_FOLDED_LENGTH]
