"""Imports as the interface takes and shows them."""

from typing import Annotated, Any, Literal, Self

from asyncpg import Record
from pydantic import Field, StringConstraints, TypeAdapter

from customers.imports.detection import Delimiter, Encoding
from customers.imports.mapping import Empty, Transform
from customers.imports.records import Format
from shared.http.schemas import InputModel, Moment, OutputModel

MAX_MATCH = 500
Match = Annotated[str, StringConstraints(min_length=1, max_length=MAX_MATCH)]
Mode = Literal["create", "update", "upsert"]
Status = Literal["queued", "previewing", "previewed", "running", "succeeded", "failed", "cancelled", "undoing", "undone"]
_Column = Annotated[str, StringConstraints(min_length=1, max_length=200)]
MAX_COLUMNS = 200


class FieldMapping(InputModel):
    """Where the cells of a column go, and what is done with them on their way."""

    field: _Column = Field(
        description="A field of customers, `attributes.<name>`, `observed_at`: when the row was true, or a further identity: "
        "`identities.card`, `.device`, `.account`, `.email`, `.phone`, and of one source `identities.external_id.<source>`.",
        examples=["birth_date"],
    )
    transforms: list[Transform] = Field(default=["trim"], max_length=8, description="Applied in order.", examples=[["trim", "lower"]])
    date_format: str | None = Field(default=None, max_length=40, description="As strptime has it.", examples=["%d.%m.%Y"])
    values: dict[str, str] = Field(default={}, max_length=200, description="What stands for what, in any case.", examples=[{"V": "male"}])


class ImportOptions(InputModel):
    """How a file becomes customers."""

    source: Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_.-]{0,49}$")] = Field(
        default="import", description="Whose word the rows are: survivorship rules name sources.", examples=["crm"]
    )
    match: Match = Field(
        default="external_id",
        description="The identities by which a row finds its customer, with commas between them: `external_id`, `email`, `phone`, "
        "`identities.<kind>`, `identities.<kind>.<source>`, an attribute that is unique; or `any`: all that columns lead to. Those "
        "that a row has must lead to one customer.",
        examples=["external_id,identities.card"],
    )
    mode: Mode = Field(default="upsert", description="Whether rows may make customers, change them, or both.")
    dry_run: bool = Field(default=False, description="Only find out what would happen; `apply` does it then.")
    empty: Empty = Field(default="keep", description="Whether an empty cell leaves a field as it is or empties it.")
    format: Format | None = Field(default=None, description="As the content type says when absent.")
    encoding: Encoding | None = Field(default=None, description="Detected when absent.")
    delimiter: Delimiter | None = Field(default=None, description="Detected when absent.")
    mapping: dict[_Column, _Column | FieldMapping] | None = Field(
        default=None,
        max_length=MAX_COLUMNS,
        description="Field by column; columns that are named like fields, in four languages, map themselves when absent.",
        examples=[{"E-mail": "email", "Born": {"field": "birth_date", "date_format": "%d.%m.%Y"}}],
    )


OPTIONS = TypeAdapter(ImportOptions)


class ImportCounts(OutputModel):
    """Rows by what became of them; each row of the file has one outcome."""

    rows_read: int = Field(description="Rows so far, without empty ones.", examples=[1000])
    created: int = Field(description="Made a customer.", examples=[900])
    updated: int = Field(description="Changed one.", examples=[50])
    unchanged: int = Field(description="Told nothing new.", examples=[30])
    merged: int = Field(description="Told of a customer whom an earlier row of the file made or changed.", examples=[15])
    refused: int = Field(description="See the errors.", examples=[5])


class ImportSample(OutputModel):
    """A row of an outcome."""

    row: int = Field(description="Its number, as a spreadsheet has it: the header is 1.", examples=[2])
    customer_id: str | None = Field(description="Whom it speaks of; null when he is only to be made, or the row is refused.")
    fields: list[str] = Field(description="The fields and identities that it tells or changes.", examples=[["city", "name"]])
    matched_by: list[str] = Field(description="The identities that led to him.", examples=[["email", "identities.card"]])


class ImportUndo(OutputModel):
    """What came of the undoing."""

    removed: int = Field(description="Customers who were made by the import and are gone.", examples=[900])
    restored: int = Field(description="Customers who have the values from before.", examples=[48])
    kept: int = Field(description="Customers who keep some or all, for others have changed or used them since.", examples=[2])


class ImportReading(OutputModel):
    """How the file is read."""

    format: Format = Field(description="CSV, or an object a line.")
    encoding: str = Field(description="Stated or detected.", examples=["cp1257"])
    delimiter: str = Field(description="Stated or detected.", examples=[";"])
    columns: list[str] = Field(description="Of the header; empty for NDJSON.", examples=[["Kods", "Vārds"]])
    mapping: dict[str, str] = Field(description="Field by column.", examples=[{"Kods": "external_id"}])


class Import(OutputModel):
    """A file on its way to customers."""

    id: str = Field(description="`imp_…`.", examples=["imp_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    job_id: str | None = Field(description="The job that works on it.", examples=["job_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    status: Status = Field(description="Where it stands.", examples=["running"])
    dry_run: bool = Field(description="Whether it only finds out.")
    source: str = Field(description="Whose word the rows are.", examples=["crm"])
    match: str = Field(description="The identities by which rows find customers.", examples=["external_id,identities.card"])
    mode: Mode = Field(description="What rows may do.")
    reading: ImportReading = Field(description="How the file is read.")
    progress: float = Field(description="Share of the file that is done.", examples=[0.5], ge=0, le=1)
    counts: ImportCounts = Field(description="So far.")
    samples: dict[str, list[ImportSample]] = Field(description="The first rows of each outcome.")
    matched_by: dict[str, int] = Field(description="Rows that found their customer by each identity, so far.", examples=[{"email": 120}])
    preview: ImportCounts | None = Field(description="What the dry run had found, once it is applied.")
    undo: ImportUndo | None = Field(description="Once it is being undone.")
    error_code: str | None = Field(description="Why it failed.", examples=[None])
    created_at: Moment = Field(description="When the file was taken in, UTC.")
    finished_at: Moment | None = Field(description="When it ended, UTC.")
    expires_at: Moment | None = Field(description="When the file and its errors are deleted, UTC; null once they are.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of an import."""
        shape = row["reading"]["shape"]
        reading = ImportReading(
            **{name: shape[name] for name in ("format", "encoding", "delimiter", "columns")},
            mapping={link["column"]: link["field"] for link in row["reading"]["links"]},
        )
        undo = ImportUndo.model_validate(dict(row)) if row["status"] in ("undoing", "undone") else None
        own: dict[str, Any] = {name: row[name] for name in _SHOWN}
        return cls(
            **own,
            reading=reading,
            progress=row["position"] / row["file_bytes"] if row["file_bytes"] else 1.0,
            counts=ImportCounts.model_validate(dict(row)),
            matched_by=row["matched"],
            undo=undo,
        )


_SHOWN = (
    *("id", "job_id", "status", "dry_run", "source", "match", "mode", "samples", "preview", "error_code", "created_at", "finished_at"),
    "expires_at",
)


class ImportError(OutputModel):  # noqa: A001 - the interface's word
    """What is wrong with a row."""

    row: int = Field(description="As a spreadsheet numbers rows: the header is 1.", examples=[7])
    pointer: str = Field(description="JSON pointer to the field; empty for the whole row.", examples=["/email"])
    code: str = Field(description="Stable slug.", examples=["email_invalid"])
    detail: str = Field(description="For people; holds no value of the row.", examples=["This is no e-mail address."])
