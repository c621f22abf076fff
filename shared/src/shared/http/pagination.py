"""Lists by keyset: opaque cursors that hold the last row's sort key and are bound to the filter and order they came from."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query
from pydantic import Field
from starlette.requests import Request

from shared.http.errors import CursorMismatch, InvalidCursor
from shared.http.schemas import OutputModel

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_MAX_BIGINT = 2**63 - 1
_MAX_CURSOR = 1_024
_NOT_BOUND = {"cursor", "limit"}

T = TypeVar("T")
Row = TypeVar("Row")
SortKey = tuple[Any, ...]


class Page(OutputModel, Generic[T]):
    """A part of a list."""

    data: list[T] = Field(description="The items, in the order of the list.")
    next_cursor: str | None = Field(default=None, description="Send it as `cursor` to get what follows; null at the end.")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is wanted.

    Attributes:
        limit: items at most, 1 to 100.
        after: sort key of the last item that the caller has; None at the beginning.
        binding: the filter and order, which the next cursor is bound to.
    """

    limit: int
    after: SortKey | None
    binding: bytes

    @property
    def fetch(self) -> int:
        """Rows to fetch: one more than wanted tells whether more follow."""
        return self.limit + 1

    def key(self, *kinds: type) -> SortKey | None:
        """Return `after`, made sure to be of these types; a cursor is not signed, so its content may be anybody's.

        Args:
            kinds: types of the parts of the sort key, in order; moments must have a zone.

        Raises:
            InvalidCursor: it is none of ours.
        """
        after = self.after
        if after is not None and (len(after) != len(kinds) or not all(map(_is_a, after, kinds))):
            raise InvalidCursor(pointer="/cursor", location="query")
        return after

    def page(self, rows: Sequence[Row], *, key: Callable[[Row], SortKey], item: Callable[[Row], T]) -> Page[T]:
        """Return the page for rows that were fetched with `fetch`.

        Args:
            rows: at most `fetch` of them, in order.
            key: sort key of a row; unique, of text, numbers, moments and dates.
            item: what is shown of a row.
        """
        shown = rows[: self.limit]
        cursor = write_cursor(key(shown[-1]), self.binding) if len(rows) > self.limit else None
        return Page.model_construct(data=[item(row) for row in shown], next_cursor=cursor)


async def _page_request(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items at most.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=_MAX_CURSOR, description="`next_cursor` of the page before.")] = None,
) -> PageRequest:
    binding = _binding_of(request)
    return PageRequest(limit, None if cursor is None else read_cursor(cursor, binding), binding)


# Which part of a list is wanted: `page: PageQuery`.
PageQuery = Annotated[PageRequest, Depends(_page_request)]


def write_cursor(key: SortKey, binding: bytes) -> str:
    """Return the cursor after the item with this sort key."""
    content = orjson.dumps([_tagged(part) for part in key])
    return base64.urlsafe_b64encode(binding + content).rstrip(b"=").decode()


def read_cursor(cursor: str, binding: bytes) -> SortKey:
    """Return the sort key in a cursor.

    Raises:
        InvalidCursor: it is none of ours.
        CursorMismatch: it came from another filter or order.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key = tuple(_untagged(*part) for part in orjson.loads(raw[len(binding) :]))
    except (ValueError, TypeError, KeyError, binascii.Error):
        raise InvalidCursor(pointer="/cursor", location="query") from None
    if raw[: len(binding)] != binding:
        raise CursorMismatch(pointer="/cursor", location="query")
    return key


def binding_of(path: str, parameters: Sequence[tuple[str, str]]) -> bytes:
    """Return what binds a cursor to its list.

    Args:
        path: of the list.
        parameters: all that choose and order its items, sorted.
    """
    return hashlib.blake2b(orjson.dumps([path, parameters]), digest_size=6).digest()


def _is_a(part: Any, kind: type) -> bool:
    # Exactly: a truth value is a number to Python, and a moment a date.
    if type(part) is not kind or "\0" in str(part):
        return False
    if isinstance(part, int) and not -_MAX_BIGINT - 1 <= part <= _MAX_BIGINT:
        return False
    # In the first and the last year a zone can lead out of what Postgres is given.
    return not isinstance(part, datetime) or (part.tzinfo is not None and MINYEAR < part.year < MAXYEAR)


def _binding_of(request: Request) -> bytes:
    bound = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in _NOT_BOUND)
    return binding_of(request.scope["path"], bound)


def _tagged(part: Any) -> list[Any]:
    if isinstance(part, datetime):
        return ["t", part.isoformat()]
    if isinstance(part, date):
        return ["d", part.isoformat()]
    return ["v", part]


_READERS: dict[str, Callable[[Any], Any]] = {"t": datetime.fromisoformat, "d": date.fromisoformat, "v": lambda value: value}


def _untagged(tag: str, part: Any) -> Any:
    return _READERS[tag](part)
