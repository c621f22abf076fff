"""Merges as the interface shows them."""

from typing import Any, Literal, Self

from pydantic import Field

from customers.fields import CustomerIdInBody
from customers.merges.repository import StoredMerge
from customers.merges.service import Preview
from customers.provenance.schemas import ReasonShown
from customers.provenance.viewing import FieldView
from shared.http.schemas import InputModel, Moment, OutputModel, ShortText

_CUSTOMER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"
_OTHER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p2"
_SEAL = "5f2b7c0e9d8a4f6b1c3e5d7f9a0b2c4d6e8f0a1b2c3d4e5f"


class MergePair(InputModel):
    """Which customer will belong to which."""

    survivor_id: CustomerIdInBody = Field(description="Stays; a merged record's id stands for whom it belongs to.", examples=[_CUSTOMER])
    merged_id: CustomerIdInBody = Field(description="Will belong to the survivor; his ids resolve to him.", examples=[_OTHER])


class MergeDraft(MergePair):
    """A merge to be made."""

    token: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Of a preview: fails if the merge would do anything else.",
        examples=[_SEAL],
    )
    reason: ShortText | None = Field(default=None, description="Why, for people.", examples=["Same person, two shops"])


class FieldOutcomeShown(OutputModel):
    """What becomes of a value of the merged customer that the survivor has otherwise, or not at all."""

    field: str = Field(description="Its name.", examples=["city"])
    survivor: Any = Field(description="The survivor's value, null when he has none; masked without `contacts:read`.", examples=["Rīga"])
    merged: Any = Field(description="The merged customer's value; masked without `contacts:read`.", examples=["Cēsis"])
    winner: Literal["survivor", "merged"] = Field(description="Whose value counts after the merge.")
    reason: ReasonShown


class ConsentOutcomeShown(OutputModel):
    """What becomes of an answer to the question of consent that differs between the two."""

    purpose: str = Field(description="What for.", examples=["marketing"])
    channel: str = Field(description="Through what.", examples=["email"])
    survivor: str | None = Field(description="The survivor's answer, null when he was never asked.", examples=["granted"])
    merged: str | None = Field(description="The merged customer's answer.", examples=["withdrawn"])
    result: str = Field(description="What counts after the merge: the most restrictive.", examples=["withdrawn"])


class MergePreview(OutputModel):
    """What a merge would do."""

    survivor_id: str = Field(description="The customer who stays.", examples=[_CUSTOMER])
    merged_id: str = Field(description="The customer who would belong to him.", examples=[_OTHER])
    record_ids: list[str] = Field(description="The merged customer's records, which come along.", examples=[[_OTHER]])
    moves: dict[str, int] = Field(
        description="How many things of each kind will be shown for the survivor; none of them is changed.", examples=[{"orders": 3}]
    )
    fields: list[FieldOutcomeShown] = Field(description="What the merged customer knows and the survivor does not, or otherwise.")
    consents: list[ConsentOutcomeShown] = Field(description="Answers that differ between the two, and which counts after the merge.")
    token: str = Field(description="Send it with the merge.", examples=[_SEAL])

    @classmethod
    def of(cls, preview: Preview, view: FieldView) -> Self:
        """Return what is shown of a preview."""
        fields = [
            FieldOutcomeShown.model_construct(
                field=each.field,
                survivor=view.show(each.field, each.survivor),
                merged=view.show(each.field, each.merged),
                winner=each.winner,
                reason=each.reason,
            )
            for each in preview.fields
        ]
        return cls.model_construct(
            survivor_id=preview.survivor.id,
            merged_id=preview.merged.id,
            record_ids=preview.record_ids,
            moves=dict(preview.moves),
            fields=fields,
            consents=[ConsentOutcomeShown.model_construct(**each._asdict()) for each in preview.consents],
            token=preview.token,
        )


class Merge(OutputModel):
    """A merge: a link that can be undone."""

    id: str = Field(description="The merge.", examples=["mrg_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    survivor_id: str = Field(description="The customer who stayed; may belong to a third since.", examples=[_CUSTOMER])
    merged_id: str = Field(description="The customer who belongs to him.", examples=[_OTHER])
    reason: str | None = Field(description="Why, for people.", examples=["Same person, two shops"])
    merged_at: Moment = Field(description="UTC.")
    merged_by: str | None = Field(description="Who merged them.", examples=["server:0123456789abcdef"])
    undone_at: Moment | None = Field(description="When it was undone, UTC; null while it holds.")
    undone_by: str | None = Field(description="Who undid it.")

    @classmethod
    def of(cls, merge: StoredMerge) -> Self:
        """Return what is shown of a merge."""
        return cls.model_construct(**merge._asdict())
