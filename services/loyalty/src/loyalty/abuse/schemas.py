from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field

from loyalty.abuse.rules import MAX_WINDOW_SECONDS, Action, Measure, Subject
from loyalty.fields import MAX_POINTS, CustomerId
from shared.http.schemas import InputModel, LongText, Moment, OutputModel, ShortText

LimitIdPath = Annotated[str, Path(description="The limit, `lim_…`.", max_length=200, examples=["lim_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
ReviewIdPath = Annotated[str, Path(description="The review, `rvw_…`.", max_length=200, examples=["rvw_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
OnExceed = Literal["refuse", "review"]
ReviewKind = Literal["earning", "frozen_earning", "referral", "partner_accrual", "velocity"]
ReviewState = Literal["open", "approved", "rejected"]
KindQuery = Annotated[ReviewKind | None, Query(description="Only what waits for this kind of reason.")]
StateQuery = Annotated[ReviewState | None, Query(description="Only those in this state.")]
CustomerQuery = Annotated[str | None, Query(max_length=200, description="Only those about this customer.")]
_Maximum = Annotated[int, Field(strict=True, ge=0, le=MAX_POINTS, description="So many actions or points are allowed.", examples=[5])]
_Window = Annotated[
    int | None,
    Field(
        ge=1,
        le=MAX_WINDOW_SECONDS,
        description="What counts together: the last so many seconds; each by itself when null.",
        examples=[3_600],
    ),
]


class VelocityLimitDraft(InputModel):
    """A limit on how often or how much."""

    name: ShortText = Field(description="What people call it.", examples=["Five gifts an hour"])
    action: Action = Field(description="What is limited.", examples=["transfer"])
    subject: Subject = Field(
        default="member", description="Whose actions count together: a member's, a till's or shop's, or a partner's.", examples=["member"]
    )
    measure: Measure = Field(default="count", description="Whether actions or their points count.", examples=["count"])
    window_seconds: _Window = None
    maximum: _Maximum
    on_exceed: OnExceed = Field(
        default="refuse",
        description="What happens beyond it: refused, or refused and told to the review queue; what is earned waits there instead.",
        examples=["refuse"],
    )


class VelocityLimitPatch(InputModel):
    """What may be changed of a limit."""

    name: ShortText | None = Field(default=None, description="What people call it.", examples=["Three gifts an hour"])
    maximum: _Maximum | None = None
    window_seconds: _Window = None
    on_exceed: OnExceed | None = Field(default=None, description="What happens beyond it.", examples=["review"])
    is_active: bool | None = Field(strict=True, default=None, description="False lets everybody do as he likes.", examples=[True])


class VelocityLimit(OutputModel):
    """A limit on how often or how much."""

    id: str = Field(description="`lim_…`", examples=["lim_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    name: str = Field(description="What people call it.", examples=["Five gifts an hour"])
    action: Action = Field(description="What is limited.", examples=["transfer"])
    subject: Subject = Field(description="Whose actions count together.", examples=["member"])
    measure: Measure = Field(description="Whether actions or their points count.", examples=["count"])
    window_seconds: int | None = Field(description="What counts together; each by itself when null.", examples=[3_600])
    maximum: int = Field(description="So many actions or points are allowed.", examples=[5])
    on_exceed: OnExceed = Field(description="What happens beyond it.", examples=["refuse"])
    is_active: bool = Field(description="Whether it counts.", examples=[True])
    created_at: Moment = Field(description="When it was set.", examples=["2026-03-02T12:00:00Z"])


class FreezeRequest(InputModel):
    """Why a member is frozen."""

    reason: LongText = Field(description="Why.", examples=["Points were spent from a stolen phone"])
    earning: Literal["continues", "waits"] = Field(
        default="continues", description="Whether what he earns meanwhile is posted, or waits for a review.", examples=["continues"]
    )


class UnfreezeRequest(InputModel):
    """Why a member is frozen no more."""

    reason: LongText = Field(description="Why.", examples=["He has a new phone"])


class Freeze(OutputModel):
    """A time in which a member could not spend."""

    id: str = Field(description="`frz_…`", examples=["frz_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: CustomerId
    earning: Literal["continues", "waits"] = Field(description="What happens to what he earns.", examples=["continues"])
    reason: str | None = Field(description="Why; null once the member is erased.", examples=["Points were spent from a stolen phone"])
    frozen_by: str = Field(description="Who did it.", examples=["server:key_1"])
    frozen_at: Moment = Field(description="When.", examples=["2026-03-02T12:00:00Z"])
    unfreeze_reason: str | None = Field(description="Why it ended.", examples=[None])
    unfrozen_by: str | None = Field(description="Who ended it.", examples=[None])
    unfrozen_at: Moment | None = Field(description="When it ended; null while he is frozen.", examples=[None])


class ReviewDecision(InputModel):
    """Why something is approved or rejected."""

    reason: LongText = Field(description="Why.", examples=["He runs a shop and bought its stock"])


class Review(OutputModel):
    """Something that waits, or waited, for a person."""

    id: str = Field(description="`rvw_…`", examples=["rvw_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    kind: ReviewKind = Field(
        description="earning: an order beyond a limit; frozen_earning: what a frozen member earned; referral; partner_accrual; velocity: "
        "somebody reached a limit, and was refused.",
        examples=["earning"],
    )
    subject_id: str = Field(
        description="What waits: the order, freeze, referral or posting; of a velocity the limit and whose.", examples=["ord_1"]
    )
    customer_id: str | None = Field(description="Whom it is about.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    partner_id: str | None = Field(description="Whose posting it is.", examples=[None])
    reasons: list[str] = Field(description="Why it waits, as codes.", examples=[["large_accrual"]])
    score: int = Field(description="How suspicious it is, 0 to 100.", examples=[50])
    points: int | None = Field(description="How many points wait, as far as it is known.", examples=[25_000])
    state: ReviewState = Field(description="Where it stands.", examples=["open"])
    opened_at: Moment = Field(description="Since when.", examples=["2026-03-02T12:00:00Z"])
    decided_by: str | None = Field(description="Who decided.", examples=[None])
    decided_at: Moment | None = Field(description="When.", examples=[None])
    decision_reason: str | None = Field(description="Why; null once the member is erased.", examples=[None])
