"""What the history tells of itself."""

from pydantic import Field

from shared.http.schemas import OutputModel


class TableOut(OutputModel):
    """One table of facts or roll-ups."""

    name: str = Field(examples=["orders"])
    rows: int = Field(examples=[69659])
    sum: str = Field(description="Sum of the rows' hashes.", examples=["-81237495723"])


class ChecksumAnswer(OutputModel):
    """The fingerprint of all facts and roll-ups."""

    checksum: str = Field(description="SHA-256; equal for equal contents, in whatever order and however often the events came.")
    tables: list[TableOut]
