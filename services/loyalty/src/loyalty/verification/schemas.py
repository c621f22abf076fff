from pydantic import Field

from shared.http.schemas import OutputModel


class LedgerProblem(OutputModel):
    """Something that is broken."""

    code: str = Field(description="The check that failed.", examples=["entry_unbalanced"])
    broken: int = Field(description="How many things it found.", examples=[1])
    examples: list[str] = Field(description="Up to five of their ids.", examples=[["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"]])


class LedgerProof(OutputModel):
    """What the ledger holds and whether it is sound, all of it at one moment."""

    ok: bool = Field(description="Nothing is broken, and the sums agree.", examples=[True])
    members: int = Field(description="Members, enrolled or not.", examples=[23_570])
    entries: int = Field(description="Entries; each has postings that sum to zero.", examples=[69_000])
    accounts: int = Field(description="One a member, and the programme's.", examples=[23_571])
    lots: int = Field(description="Lots, spent ones included.", examples=[69_000])
    sum: int = Field(description="Sum of all postings: zero.", examples=[0])
    points_issued: int = Field(description="Sum of all accruals.", examples=[2_466_000])
    points_reversed: int = Field(description="Sum of all that was taken back.", examples=[1_200])
    points_outstanding: int = Field(description="What is left in all lots.", examples=[2_464_800])
    checksum: str = Field(
        description="Digest of all balances and entries. It depends neither on ids nor on the order of arrival: "
        "two loads of one history agree.",
        examples=["0f343b0931126a20f133d67c2b018a3b"],
    )
    problems: list[LedgerProblem] = Field(description="The checks that failed; none when the ledger is sound.", examples=[[]])
