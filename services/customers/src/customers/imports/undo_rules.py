"""What undoing an import does to a record: pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Told(NamedTuple):
    """A change set of a record.

    Attributes:
        cause: the import, merge or event behind it.
        fields: value by field, None where it was emptied.
        withdraws: the import that it takes back.
    """

    cause: str | None
    fields: Mapping[str, Any]
    withdraws: str | None = None


@dataclass(frozen=True, slots=True)
class Reversal:
    """What is to be done with a record.

    Attributes:
        is_made: whether imports have made it that are undone, this one the last of them.
        is_touched: whether anybody else has told something of it that counts.
        is_told: whether the import has changed it and is to be withdrawn.
        fields: what was told last without the import, by field that it told; nothing of those that others have told since.
        kept: fields that others have told since.
    """

    is_made: bool
    is_touched: bool
    is_told: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


def reversal_of(changes: Sequence[Told], import_id: str, undone: Collection[str] = ()) -> Reversal:
    """Return how a record gets back to what it would be without an import.

    Whom it made and nobody else has told of goes; who was made by it and is somebody's now, stays as he is. Of all others it is withdrawn.

    Args:
        changes: all change sets of the record, in their order; some are the import's.
        import_id: the cause of those.
        undone: other imports that are undone.
    """
    withdrawn = {change.withdraws for change in changes if change.withdraws is not None}
    counting = [change for change in changes if change.withdraws is None and change.cause not in withdrawn]
    places = [place for place, change in enumerate(counting) if change.cause == import_id]
    if not places:
        return Reversal(is_made=False, is_touched=False)
    others = [change for change in counting if change.cause != import_id]
    is_made = counting[0].cause == import_id or counting[0].cause in undone
    is_touched = any(change.cause not in undone for change in others)
    if is_made and (not is_touched or counting[0].cause == import_id):
        return Reversal(is_made=True, is_touched=is_touched)
    names = dict.fromkeys(name for place in places for name in counting[place].fields)
    last = {name: next(change for change in reversed(counting) if name in change.fields) for name in names}
    kept = tuple(name for name in names if last[name].cause != import_id)
    fields = {name: _last_word(others, name) for name in names if name not in kept}
    return Reversal(is_made=False, is_touched=is_touched, is_told=True, fields=fields, kept=kept)


def _last_word(changes: Sequence[Told], name: str) -> Any:
    return next((change.fields[name] for change in reversed(changes) if name in change.fields), None)
