"""Takes a file in as it arrives, raw or as a part of a form, and keeps it in pieces of one size: never whole in memory."""

import codecs
import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from customers.imports import repository
from customers.imports.errors import FileEmpty, UploadMalformed
from shared.database.pool import Database
from shared.http.errors import UnsupportedMediaType
from shared.http.state import state_of
from shared.http.streaming import body_pieces, stand_for_body
from shared.ids import new_id

# By what is read its format and encoding are told.
SAMPLE_BYTES = 262_144
_MAX_FIELD_BYTES = 65_536
_FORMATS = {"text/csv": "csv", "application/x-ndjson": "ndjson", "application/ndjson": "ndjson", "application/jsonl": "ndjson"}
_FORM = "multipart/form-data"
_ENDINGS = {"csv": "csv", "txt": "csv", "tsv": "csv", "ndjson": "ndjson", "jsonl": "ndjson"}
_HEADER_EVENTS = ("on_header_begin", "on_header_field", "on_header_value", "on_header_end")
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(slots=True)
class Upload:
    """A file that has been taken in.

    Attributes:
        import_id: under which its pieces are kept.
        format: as the content type or the file's name tells it.
        fields: the other parts of the form.
        sample: its beginning.
        size: bytes.
        sha256: of its bytes.
    """

    import_id: str
    format: str | None
    fields: dict[str, str] = field(default_factory=dict)
    sample: bytes = b""
    size: int = 0
    sha256: bytes = b""

    @property
    def is_whole(self) -> bool:
        """Whether the sample is all of the file."""
        return self.size <= len(self.sample)


async def _receive(request: Request) -> Upload:
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    kind = media_type.decode("latin-1").lower()
    upload = Upload(new_id("imp"), _FORMATS.get(kind))
    keeper = _Keeper(upload, state_of(request).opened())
    if kind == _FORM:
        await _receive_form(request, options.get(b"boundary", b""), upload, keeper)
    elif kind in _FORMATS:
        async for piece in body_pieces(request):
            await keeper.add(piece)
    else:
        raise UnsupportedMediaType("Send text/csv, application/x-ndjson or multipart/form-data.")
    await keeper.end()
    if not upload.size:
        raise FileEmpty
    stand_for_body(request, upload.sha256 + repr(sorted(upload.fields.items())).encode())
    return upload


# The body of the request, kept.
Received = Annotated[Upload, Depends(_receive)]


class _Keeper:
    """Cuts what arrives into pieces of one size, and writes each as soon as it is full.

    A connection is lent for each piece and not for the upload, which may be slow.
    """

    def __init__(self, upload: Upload, database: Database) -> None:
        self._upload = upload
        self._database = database
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._numbers = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self._is_begun = False

    async def add(self, content: bytes) -> None:
        if not self._is_begun and content:
            self._is_begun = True
            if content.startswith(_UTF_16_MARKS):
                self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        if self._decoder is not None:
            content = self._decoder.decode(content).encode()
        self._buffer += content
        while len(self._buffer) >= repository.PIECE_BYTES:
            await self._write(bytes(self._buffer[: repository.PIECE_BYTES]))
            del self._buffer[: repository.PIECE_BYTES]

    async def end(self) -> None:
        if self._decoder is not None:
            self._buffer += self._decoder.decode(b"", final=True).encode()
        if self._buffer:
            await self._write(bytes(self._buffer))
        self._upload.sha256 = self._digest.digest()

    async def _write(self, piece: bytes) -> None:
        self._digest.update(piece)
        if not self._numbers:
            self._upload.sample = piece[:SAMPLE_BYTES]
        async with self._database.acquire() as connection:
            await repository.put_piece(connection, self._upload.import_id, self._numbers, piece)
        self._numbers += 1
        self._upload.size += len(piece)


@dataclass(slots=True)
class _Part:
    """A part of the form that is being read."""

    name: str = ""
    filename: str | None = None
    value: bytearray = field(default_factory=bytearray)

    @property
    def is_file(self) -> bool:
        return self.filename is not None or self.name == "file"


class _Form:
    """The events of a multipart parser as a queue: the parser calls back, and what is kept has to be awaited."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.format: str | None = None
        self.files = 0
        self.is_complete = False
        self._part = _Part()
        self._header, self._said = b"", b""
        self._content: list[bytes] = []
        names = ("on_part_begin", "on_part_data", "on_part_end", *_HEADER_EVENTS, "on_end")
        callbacks: Any = {name: getattr(self, f"_{name}") for name in names}
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, content: bytes) -> list[bytes]:
        """Return the bytes of the file in this part of the body."""
        self._content = []
        self._parser.write(content)
        return self._content

    def _on_part_begin(self) -> None:
        self._part = _Part()

    def _on_header_begin(self) -> None:
        self._header, self._said = b"", b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._said += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() != b"content-disposition":
            return
        _, options = parse_options_header(self._said)
        self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options:
            self._part.filename = options[b"filename"].decode("utf-8", "replace")
        if self._part.is_file:
            self.format = _ENDINGS.get((self._part.filename or "").rpartition(".")[2].lower())
            self.files += 1

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._content.append(data[start:end])
        elif len(self._part.value) + end - start > _MAX_FIELD_BYTES:
            raise FormParserError("a field is too long")
        else:
            self._part.value += data[start:end]

    def _on_part_end(self) -> None:
        if not self._part.is_file:
            self.fields[self._part.name] = self._part.value.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self.is_complete = True


async def _receive_form(request: Request, boundary: bytes, upload: Upload, keeper: _Keeper) -> None:
    if not boundary:
        raise UploadMalformed("The form has no boundary.")
    try:
        form = _Form(boundary)
        async for piece in body_pieces(request):
            for content in form.feed(piece):
                await keeper.add(content)
                if form.files > 1:
                    raise UploadMalformed("Send one file.")
    except FormParserError:
        raise UploadMalformed from None
    if not form.is_complete:
        raise UploadMalformed
    upload.fields = form.fields
    upload.format = form.format
