"""Cuts a file into records, piece by piece, and tells at which byte each ends: a resumed import reads on from there.

Every encoding that is read here has the quote and the line feed at their ASCII bytes and nowhere else; UTF-16 becomes UTF-8 on its way in.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

# Longer ones are no records of customers; a quote that is never closed would swallow the file.
MAX_RECORD_BYTES = 262_144
_UTF_8_MARK = b"\xef\xbb\xbf"

Format = Literal["csv", "ndjson"]
csv.field_size_limit(MAX_RECORD_BYTES * 2)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is read.

    Attributes:
        format: CSV with a header, or an object a line.
        encoding: a Python codec's name.
        delimiter: between the cells of a CSV file.
        columns: their names, in order; empty for NDJSON, where each object names its own.
        start: position of the first record after the header.
        first_row: number of the first record, as a spreadsheet numbers rows.
    """

    format: Format
    encoding: str
    delimiter: str = ","
    columns: tuple[str, ...] = ()
    start: int = 0
    first_row: int = 1


class Broken(Exception):
    """A record that cannot be read; its code says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(slots=True)
class Cut:
    """The records at the beginning of a piece of a file.

    Attributes:
        records: each by column, or the reason why it cannot be read.
        length: bytes that they take.
    """

    records: list[dict[str, Any] | Broken] = field(default_factory=list)
    length: int = 0


def cut(shape: Shape, piece: bytes, *, last: bool, limit: int) -> Cut:
    """Return the records at the beginning of a piece.

    Args:
        shape: how the file is read.
        piece: bytes from the beginning of a record, more than `MAX_RECORD_BYTES` unless the file ends with it.
        last: whether the file ends with it.
        limit: records at most.
    """
    if shape.format == "ndjson":
        return _cut_lines(shape, piece, last=last, limit=limit)
    # Few records have several lines: nothing is done with lines that the next piece begins with.
    lines = _lines(piece, 2 * limit)
    is_whole = sum(map(len, lines)) == len(piece)
    found = _cut_cells(shape, lines, last=last and is_whole, limit=limit)
    if not found.length and not is_whole:
        lines = _lines(piece)
        found = _cut_cells(shape, lines, last=last, limit=limit)
    return found if found.length or last else _endless(lines[0])


def skip_mark(sample: bytes) -> int:
    """Return the length of the byte order mark at the beginning."""
    return len(_UTF_8_MARK) if sample.startswith(_UTF_8_MARK) else 0


def read_header(sample: bytes, encoding: str, delimiter: str, start: int) -> tuple[list[str], int]:
    """Return the cells of the first row and the position after it.

    Args:
        sample: the file's beginning, a whole number of lines or the whole file.
        encoding: codec's name.
        delimiter: between cells.
        start: where the first row begins.
    """
    reader = csv.reader((line.decode(encoding) for line in _lines(sample[start:])), delimiter=delimiter)
    lines = _lines(sample[start:])
    header = next(reader, [])
    return [cell.strip() for cell in header], start + sum(len(lines[number]) for number in range(min(reader.line_num, len(lines))))


def _cut_cells(shape: Shape, lines: Sequence[bytes], *, last: bool, limit: int) -> Cut:
    found = Cut()
    done = 0
    for cells, taken in _rows(shape, lines):
        # What reaches the end of the piece may go on behind it.
        if not last and done + taken >= len(lines):
            break
        length = sum(map(len, lines[done : done + taken])) if taken > 1 else len(lines[done])
        if length > MAX_RECORD_BYTES:
            return found if found.length else _endless(lines[0])
        done += taken
        found.length += length
        if isinstance(cells, Broken):
            found.records.append(cells)
        elif any(cells):
            found.records.append(_by_column(shape.columns, cells))
        else:
            # An empty line is no row, but it has a number in the spreadsheet.
            found.records.append(Broken("row_empty", ""))
        if len(found.records) == limit:
            return found
    return found


def _endless(line: bytes) -> Cut:
    """Give up a line that begins a record without an end; the next line may begin a good one."""
    return Cut([Broken("row_too_long", "The row is too long, or a quote in it is never closed.")], len(line))


def _rows(shape: Shape, lines: Sequence[bytes]) -> Iterator[tuple[list[str] | Broken, int]]:
    """Yield each row with the number of its lines; what cannot be read breaks no other row."""
    try:
        texts, is_readable = [line.decode(shape.encoding) for line in lines], True
    except UnicodeDecodeError:
        texts, is_readable = [line.decode(shape.encoding, "replace") for line in lines], False
    at = 0
    while at < len(texts):
        reader = csv.reader(texts[at:] if at else texts, delimiter=shape.delimiter)
        begun = at
        try:
            for cells in reader:
                taken, at = begun + reader.line_num - at, begun + reader.line_num
                if is_readable or _is_readable(shape, b"".join(lines[at - taken : at])):
                    yield cells, taken
                else:
                    yield Broken("encoding_invalid", f"The row is not text in {shape.encoding}."), taken
        except csv.Error:
            taken, at = max(begun + reader.line_num - at, 1), max(begun + reader.line_num, at + 1)
            yield Broken("row_malformed", "The row is no row of a CSV file."), taken


def _is_readable(shape: Shape, raw: bytes) -> bool:
    try:
        raw.decode(shape.encoding)
    except UnicodeDecodeError:
        return False
    return True


def _by_column(columns: Sequence[str], cells: list[str]) -> dict[str, Any] | Broken:
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        return Broken("cells_too_many", "The row has more cells than the header has columns.")
    return dict(zip(columns, cells, strict=False))


def _cut_lines(shape: Shape, piece: bytes, *, last: bool, limit: int) -> Cut:
    found = Cut()
    lines = _lines(piece, limit)
    if not last and lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    for line in lines[:limit]:
        found.length += len(line)
        found.records.append(_object(shape, line))
    if not found.length and not last:
        return _endless(piece)
    return found


def _object(shape: Shape, line: bytes) -> dict[str, Any] | Broken:
    if not line.strip():
        return Broken("row_empty", "")
    if len(line) > MAX_RECORD_BYTES:
        return Broken("row_too_long", "The line is too long.")
    try:
        raw = line if shape.encoding == "utf-8" else line.decode(shape.encoding).encode()
        value = orjson.loads(raw)
    except (UnicodeDecodeError, orjson.JSONDecodeError):
        return Broken("row_malformed", "The line is not a JSON object.")
    return value if isinstance(value, dict) else Broken("row_malformed", "The line is not a JSON object.")


def _lines(piece: bytes, limit: int = -1) -> list[bytes]:
    """Return the lines of a piece, or the first ones, with their ends; a carriage return alone ends none."""
    lines = piece.split(b"\n", limit)
    rest = lines.pop()
    kept = [line + b"\n" for line in lines]
    if rest and len(kept) != limit:
        kept.append(rest)
    return kept
