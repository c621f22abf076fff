"""What undoing an import does to a record: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Told(NamedTuple):
    """A change set of a record.

    Attributes:
        cause: the import, merge or event behind it.
        fields: value by field, None where it was emptied.
    """

    cause: str | None
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reversal:
    """What is to be done with a record.

    Attributes:
        is_made: whether the import has made it.
        is_touched: whether anybody else has told something of it since.
        fields: values to give back, by field.
        kept: fields that others have told since.
    """

    is_made: bool
    is_touched: bool
    fields: Mapping[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


def reversal_of(changes: Sequence[Told], import_id: str) -> Reversal:
    """Return how a record gets back to what it was before an import, but for what others have told of it since.

    Args:
        changes: all change sets of the record, in their order; some are the import's.
        import_id: the cause of those.
    """
    places = [place for place, change in enumerate(changes) if change.cause == import_id]
    if not places:
        return Reversal(is_made=False, is_touched=False)
    begin = places[0]
    later = [change for change in changes[begin:] if change.cause != import_id]
    if begin == 0:
        return Reversal(is_made=True, is_touched=bool(later))
    names = dict.fromkeys(name for place in places for name in changes[place].fields)
    last = {name: next(change for change in reversed(changes) if name in change.fields) for name in names}
    kept = tuple(name for name in names if last[name].cause != import_id)
    others = [change for change in changes if change.cause != import_id]
    fields = {name: _last_word(others, name) for name in names if name not in kept}
    return Reversal(is_made=False, is_touched=bool(later), fields=fields, kept=kept)


def _last_word(changes: Sequence[Told], name: str) -> Any:
    return next((change.fields[name] for change in reversed(changes) if name in change.fields), None)
