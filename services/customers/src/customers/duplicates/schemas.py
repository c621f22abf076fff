"""Duplicates as the interface shows them."""

from typing import Annotated, Literal, Self

from fastapi import Path, Query
from pydantic import Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from customers.duplicates.matching import Match
from customers.duplicates.repository import StoredPair
from customers.duplicates.rules import MIN_SCORE, Reason
from customers.fields import CustomerIdInBody
from shared.http.schemas import InputModel, Moment, OutputModel

_ID = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"
_PAIR_ID = "dup_01jd3z0k7cz9v8w6t5s4r3q2p1"

PairIdInPath = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The pair.", examples=[_PAIR_ID])]
MinScore = Annotated[int, Query(ge=0, le=100, description="Only pairs with this score or a higher one.")]
ScopeQuery = Annotated[
    Literal["all", "changed"],
    Query(description="Everybody, or only who is new or changed since he was last compared; those are compared soon anyway."),
]
StatusQuery = Annotated[Literal["open", "rejected", "confirmed"], Query(description="What was decided of them.")]


class DuplicateReason(OutputModel):
    """What speaks for or against two records being of one person."""

    feature: str = Field(description="What was compared, and how it came out.", examples=["name_sounds_same"])
    weight: float = Field(description="By how much it changes the logarithm of the odds; below zero speaks against.", examples=[3.5])


class DuplicatePair(OutputModel):
    """Two customers who may be the same person."""

    id: str = Field(description="`dup_…`", examples=[_PAIR_ID])
    customer_ids: list[str] = Field(description="Both of them, the older record first.", examples=[[_ID, "cus_01jd3z0k7cz9v8w6t5s4r3q2p2"]])
    score: int = Field(description="How sure it is, 0 to 100.", examples=[82])
    reasons: list[DuplicateReason] = Field(description="What the score is made of, the weightiest first.")
    status: Literal["open", "rejected", "confirmed"] = Field(description="What somebody decided.", examples=["open"])
    merge_id: str | None = Field(description="The merge that confirming it led to.", examples=[None])
    found_at: Moment = Field(description="UTC.")
    decided_at: Moment | None = Field(description="UTC.")

    @classmethod
    def of(cls, stored: StoredPair) -> Self:
        """Return what is shown of a pair."""
        return cls.model_validate(
            {
                "id": stored.id,
                "customer_ids": [stored.first_id, stored.second_id],
                "score": stored.score,
                "reasons": _reasons(stored.reasons),
                "status": stored.status,
                "merge_id": stored.merge_id,
                "found_at": stored.found_at,
                "decided_at": stored.decided_at,
            }
        )


class DuplicateCandidate(OutputModel):
    """A customer who may be the one that was asked for."""

    customer_id: str = Field(description="Who he is kept as.", examples=[_ID])
    score: int = Field(description="How sure it is, 0 to 100.", examples=[82])
    reasons: list[DuplicateReason] = Field(description="What the score is made of, the weightiest first.")

    @classmethod
    def of(cls, match: Match) -> Self:
        """Return what is shown of a match."""
        return cls(customer_id=match.person.id, score=match.likeness.score, reasons=_reasons(match.likeness.reasons))


class DuplicateCandidates(OutputModel):
    """Who may be the same person, at this moment."""

    data: list[DuplicateCandidate] = Field(description="The surest first.")


class DuplicateReview(InputModel):
    """What somebody decided of two customers: a pair by its id, or any two by theirs."""

    id: str | None = Field(default=None, min_length=1, max_length=64, description="The pair.", examples=[_PAIR_ID])
    customer_ids: list[CustomerIdInBody] | None = Field(default=None, min_length=2, max_length=2, description="In place of `id`.")
    decision: Literal["reject", "confirm"] = Field(description="Two persons, or one: then they are merged.", examples=["reject"])
    survivor_id: CustomerIdInBody | None = Field(default=None, description="Who stays when they are merged; the older record when absent.")

    @model_validator(mode="after")
    def names_one_pair(self) -> Self:
        """Refuse a review that names no pair, or two."""
        if (self.id is None) == (self.customer_ids is None):
            raise PydanticCustomError("pair_unclear", "Send either the pair's id or the ids of two customers.")
        return self


REVIEW = TypeAdapter(DuplicateReview)


class DuplicateScan(OutputModel):
    """A search through all customers that was begun."""

    job_id: str = Field(description="Follow it at `/v1/jobs/{job_id}`.", examples=["job_01jd3z0k7cz9v8w6t5s4r3q2p1"])


class DuplicateConfirmation(InputModel):
    """How two customers are merged."""

    survivor_id: CustomerIdInBody | None = Field(default=None, description="Who stays; the older record when absent.")


DEFAULT_MIN_SCORE = MIN_SCORE


def _reasons(reasons: tuple[Reason, ...]) -> list[DuplicateReason]:
    return [DuplicateReason(feature=each.feature, weight=each.weight) for each in reasons]
