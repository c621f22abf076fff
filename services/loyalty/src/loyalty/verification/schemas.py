from pydantic import Field

from shared.http.schemas import Moment, OutputModel


class LedgerProblem(OutputModel):
    """Something that is broken."""

    code: str = Field(description="The check that failed.", examples=["entry_unbalanced"])
    broken: int = Field(description="How many things it found.", examples=[1])
    examples: list[str] = Field(description="Up to five of their ids.", examples=[["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"]])


class FirstBroken(OutputModel):
    """Where the ledger is broken first."""

    code: str = Field(description="The check that failed.", examples=["chain_broken"])
    id: str = Field(description="What it found: such as an entry, a lot or a seal.", examples=["ent_01jd3z0k7cz9v8w6t5s4r3q2p1"])


class LastSeal(OutputModel):
    """The last seal over the chains of entries; who keeps its root can prove later that nothing before it was changed."""

    number: int = Field(description="1 for the first.", examples=[12])
    sealed_at: Moment = Field(description="When.", examples=["2026-03-02T12:00:00Z"])
    root: str = Field(description="Root hash, hexadecimal.", examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])


class LedgerProof(OutputModel):
    """What the ledger holds and whether it is sound, all of it at one moment."""

    ok: bool = Field(description="Nothing is broken, and the sums agree.", examples=[True])
    members: int = Field(description="Members, enrolled or not.", examples=[23_570])
    entries: int = Field(description="Entries; each has postings that sum to zero.", examples=[69_000])
    accounts: int = Field(description="A wallet of each member at least, and the programme's.", examples=[23_571])
    lots: int = Field(description="Lots, spent ones included.", examples=[69_000])
    sum: int = Field(description="Sum of all postings: zero.", examples=[0])
    points_issued: int = Field(description="Sum of all accruals.", examples=[2_466_000])
    points_reversed: int = Field(description="Sum of all that was taken back.", examples=[1_200])
    points_spent: int = Field(description="Sum of all that was spent, less what came back.", examples=[800])
    points_expired: int = Field(description="Sum of all that is booked as expired or forfeited.", examples=[100])
    points_adjusted: int = Field(description="Sum of all that was given by hand, less what was taken.", examples=[50])
    points_outstanding: int = Field(description="What is left in all lots.", examples=[2_464_800])
    checksum: str = Field(
        description="Digest of all balances and entries. It depends neither on ids nor on the order of arrival: "
        "two loads of one history agree.",
        examples=["0f343b0931126a20f133d67c2b018a3b"],
    )
    problems: list[LedgerProblem] = Field(description="The checks that failed; none when the ledger is sound.", examples=[[]])
    first_broken: FirstBroken | None = Field(description="The first place that is broken; null when the ledger is sound.")
    seal: LastSeal | None = Field(description="The last seal; null before the first.")
