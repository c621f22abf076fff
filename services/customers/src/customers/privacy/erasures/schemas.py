"""Erasures as the interface shows them."""

from typing import Literal, Self

from asyncpg import Record
from pydantic import Field

from customers.fields import CustomerIdInBody
from customers.privacy.erasures.service import Proof
from customers.privacy.followers import missing
from shared.http.schemas import InputModel, Moment, OutputModel

Reason = Literal["request", "retention", "unlawful", "legal_obligation", "other"]
Status = Literal["incomplete", "complete"]
Reimport = Literal["refuse", "anew"]

_CUSTOMER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"
_ERASURE = "era_01jd3z0k7cz9v8w6t5s4r3q2p1"
_KID = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
_JWS = "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"


class ErasureDraft(InputModel):
    """A customer to be erased."""

    customer_id: CustomerIdInBody
    reason: Reason = Field(default="request", description="Which letter of GDPR article 17(1) it rests on.", examples=["request"])
    reimport: Reimport = Field(
        default="refuse",
        description="Whether his e-mail address, phone number and external ids are refused when they come again, or start a new customer.",
        examples=["refuse"],
    )


class ErasureReceipt(OutputModel):
    """What a service declares to have erased."""

    service: str = Field(description="Which service.", examples=["loyalty"])
    erased: dict[str, int] = Field(description="Rows erased or made nameless, by kind of record.", examples=[{"members": 1}])
    erased_at: Moment = Field(description="UTC.")
    kid: str = Field(
        description="Thumbprint of its key, which is pinned at its first receipt.", examples=["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"]
    )
    receipt: str = Field(description="The same as a compact JWS.", examples=[_JWS])

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls.model_construct(**{name: row[name] for name in cls.model_fields})


class Erasure(OutputModel):
    """An erasure and how far it has come."""

    id: str = Field(description="`era_…`.", examples=[_ERASURE])
    customer_id: str = Field(description="The customer.", examples=[_CUSTOMER])
    customer_ids: list[str] = Field(description="Every record that stood for him.", examples=[[_CUSTOMER]])
    status: Status = Field(description="complete once every service has answered.", examples=["complete"])
    reason: Reason = Field(description="Why.", examples=["request"])
    reimport: Reimport = Field(description="What happens when his identities come again.", examples=["refuse"])
    requested_at: Moment = Field(description="UTC.")
    completed_at: Moment | None = Field(description="When the last receipt came, UTC.")
    receipts: list[ErasureReceipt] = Field(description="One for each service that has answered.")
    missing: list[str] = Field(description="Services that have not answered yet.", examples=[[]])
    certificate: str | None = Field(description="The chain over all receipts as a compact JWS, once it is complete.", examples=[_JWS])

    @classmethod
    def of(cls, proof: Proof) -> Self:
        """Return what is shown of an erasure."""
        row = proof.erasure
        shown = {name: row[name] for name in ("id", "customer_id", "customer_ids", "reason", "reimport", "requested_at", "completed_at")}
        return cls.model_construct(
            **shown,
            status="complete" if row["certificate"] is not None else "incomplete",
            receipts=[ErasureReceipt.of(receipt) for receipt in proof.receipts],
            missing=missing({receipt["service"] for receipt in proof.receipts}),
            certificate=row["certificate"],
        )


class ErasureVerification(OutputModel):
    """Whether the proof of an erasure holds."""

    valid: bool = Field(description="Whether the erasure is complete and its proof holds.", examples=[True])
    status: Status = Field(description="complete once every service has answered.", examples=["complete"])
    faults: list[str] = Field(description="What is wrong or missing.", examples=[[]])

    @classmethod
    def of(cls, proof: Proof, faults: list[str]) -> Self:
        """Return what is shown of a verification."""
        complete = proof.erasure["certificate"] is not None
        return cls(valid=complete and not faults, status="complete" if complete else "incomplete", faults=faults)
