"""The audit log as the interface shows it."""

from typing import Annotated, Literal, Self

from asyncpg import Record
from pydantic import Field, StringConstraints

from customers.audit.rules import Head
from customers.audit.service import Verification
from shared.http.schemas import InputModel, Moment, OutputModel

_HASH = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"


class AuditEntry(OutputModel):
    """Who did what; names of fields, never their values."""

    id: int = Field(description="Its place in the log.", examples=[42])
    recorded_at: Moment = Field(description="UTC.")
    actor: str = Field(description="Who.", examples=["server:0123456789abcdef"])
    action: str = Field(description="What he did.", examples=["contact_read"])
    customer_id: str | None = Field(description="The customer record that it touches.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    subject_id: str | None = Field(description="What else it is about.", examples=[None])
    fields: list[str] = Field(description="Names of the fields that were read or changed.", examples=[["email", "phone"]])
    link: int | None = Field(description="Its place in the chain; null until it is chained, which is soon after.", examples=[42])
    hash: str | None = Field(description="Hash of its link, SHA-256 in hexadecimal.", examples=[_HASH])

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls.model_construct(**{**row, "hash": row["hash"] and row["hash"].hex()})


class ChainHead(InputModel):
    """A link of the chain and its hash; keep it elsewhere, and a log that was cut off is noticed."""

    link: int = Field(ge=0, le=2**62, description="Number of the link.", examples=[42])
    hash: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] = Field(description="Its hash.", examples=[_HASH])


class VerificationRequest(InputModel):
    """From where to verify."""

    after: ChainHead | None = Field(
        default=None, description="A link that was verified before; the beginning when absent.", examples=[None]
    )


class BrokenLink(OutputModel):
    """The first place where the chain is broken."""

    link: int = Field(description="Number of the link.", examples=[7])
    entry_id: int | None = Field(description="The entry, when it is known.", examples=[7])
    reason: Literal["link_missing", "entry_missing", "entry_changed"] = Field(description="How.", examples=["entry_changed"])


class VerificationAnswer(OutputModel):
    """What a verification found."""

    intact: bool = Field(description="Whether nothing is broken as far as was looked.", examples=[True])
    complete: bool = Field(description="Whether it came to the end; else ask again after the head.", examples=[True])
    head: ChainHead = Field(description="The last link that holds.")
    first_broken: BrokenLink | None = Field(description="Where it breaks first.", examples=[None])

    @classmethod
    def of(cls, found: Verification) -> Self:
        """Return what is shown of a verification."""
        broken = BrokenLink(**found.fault._asdict()) if found.fault else None
        head = ChainHead(link=found.head.link, hash=found.head.hash.hex())
        return cls(intact=broken is None, complete=found.complete, head=head, first_broken=broken)


def head_of(request: VerificationRequest | None) -> Head | None:
    """Return the link that a verification goes on from; None is the beginning."""
    return Head(request.after.link, bytes.fromhex(request.after.hash)) if request is not None and request.after else None
