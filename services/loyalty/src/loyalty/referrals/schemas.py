from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field, StringConstraints

from loyalty.fields import CustomerId
from loyalty.texts import LocalisedText
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel

ReferralIdPath = Annotated[str, Path(description="The referral, `rfl_…`.", max_length=200, examples=["rfl_01jd3z0k7cz9v8w6t5s4r3q2p1"])]
Language = Annotated[str | None, Query(description="The language of the text to share.", max_length=35, examples=["lv"])]
State = Literal["pending", "qualified", "waiting", "completed", "refused", "lapsed", "reversing", "reversed"]
StateQuery = Annotated[State | None, Query(description="Only those in this state.")]
ReferrerQuery = Annotated[str | None, Query(max_length=200, description="Only those whom this customer referred.")]
_Points = Annotated[int, Field(strict=True, ge=0, le=1_000_000, description="Points for it; none with 0.", examples=[500])]
_Days = Annotated[int, Field(strict=True, ge=0, le=366, examples=[14])]
_BatchId = Annotated[
    str | None,
    Field(max_length=200, description="A batch of vouchers, of which he gets a code.", examples=["vbt_01jd3z0k7cz9v8w6t5s4r3q2p1"]),
]
_STATES = "pending: the condition is not met yet; qualified: it is, and the order can still be returned; waiting: for a review."


class ReferrerLimit(InputModel):
    """How many referrals of one member are rewarded."""

    count: int = Field(strict=True, ge=1, le=1_000_000, description="So many ...", examples=[10])
    period: Literal["day", "month", "year", "ever"] = Field(default="year", description="... in each of these.", examples=["year"])


class SchemeTerms(InputModel):
    """What referring somebody is worth, and when."""

    is_active: bool = Field(strict=True, default=True, description="Whether codes can be used.", examples=[True])
    condition: Literal["registered", "first_order"] = Field(
        default="first_order", description="What the referred one has to do after the code was used.", examples=["first_order"]
    )
    min_order_minor: int = Field(
        strict=True, default=0, ge=0, le=10**12, description="What is left of his order after returns, at least.", examples=[2_000]
    )
    order_condition: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = Field(
        default=None, description="What else the order has to be: CEL over `event` and `customer`.", examples=["event.channel == 'app'"]
    )
    within_days: int = Field(
        strict=True, default=30, ge=1, le=3_650, description="In how many days after the code was used.", examples=[30]
    )
    waiting_days: _Days = Field(default=14, description="How long the order can be returned: rewards come afterwards.")
    new_customer_days: _Days = Field(default=7, description="So long before the code was used he may have registered.")
    referrer_points: _Points = 0
    referred_points: _Points = 0
    points_expire_days: int | None = Field(
        strict=True, default=None, ge=1, le=36_600, description="They expire after so many days.", examples=[365]
    )
    referrer_voucher_batch_id: _BatchId = None
    referred_voucher_batch_id: _BatchId = None
    referrer_limit: ReferrerLimit | None = Field(default=None, description="Beyond it only the referred one is rewarded.")
    max_per_day: int | None = Field(
        strict=True,
        default=20,
        ge=1,
        le=1_000_000,
        description="Who refers more in a day is looked at before he is rewarded.",
        examples=[20],
    )
    on_shared_identity: Literal["review", "refuse", "ignore"] = Field(
        default="review",
        description="What happens when the two may be one person, or use one device, card or account.",
        examples=["review"],
    )
    suspected_from_score: int = Field(
        strict=True, default=60, ge=50, le=100, description="From which score on two may be one person.", examples=[60]
    )
    chain_length: int = Field(strict=True, default=10, ge=1, le=50, description="How far up loops are looked for.", examples=[10])
    on_return: Literal["take_back", "keep"] = Field(
        default="take_back", description="What happens to rewards when the order comes back later.", examples=["take_back"]
    )
    share_text: LocalisedText = Field(
        default={"en": "{code}"},
        description="What a member shares; `{code}` and `{url}` are filled in.",
        examples=[{"en": "Join me: {url}", "lv": "Nāc arī tu: {url}"}],
    )
    share_url: Annotated[str, StringConstraints(pattern="^https://[!-~]{1,480}$")] | None = Field(
        default=None, description="The link that he shares, with `{code}` in it.", examples=["https://example.com/join?code={code}"]
    )


class Scheme(OutputModel):
    """The referral scheme that counts."""

    version: int = Field(description="Each change is a new one.", examples=[3])
    terms: SchemeTerms = Field(description="What it says.")
    created_by: str = Field(description="Who wrote it.", examples=["server:key_1"])
    created_at: Moment = Field(description="Since when it counts.", examples=["2026-03-02T12:00:00Z"])


class OwnReferral(OutputModel):
    """What a member needs to refer others, and what came of it."""

    customer_id: CustomerId
    code: str = Field(description="His code.", examples=["7K2M9QTX04AB"])
    is_active: bool = Field(description="Whether it can be used at present.", examples=[True])
    share_text: str = Field(
        description="What he may send, in the language asked for.", examples=["Join me: https://example.com/join?code=7K2M9QTX04AB"]
    )
    share_url: str | None = Field(description="The link.", examples=["https://example.com/join?code=7K2M9QTX04AB"])
    counts: dict[str, int] = Field(description="How many he referred, by state.", examples=[{"pending": 2, "completed": 1}])
    points_earned: int = Field(description="Points that he has for it.", examples=[500])


class ReferralDraft(InputModel):
    """A code that was used."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        description="As typed; case, spaces and hyphens do not matter.", examples=["7K2M-9QTX-04AB"]
    )
    customer_id: CustomerId = Field(description="Who used it; he need not be known here yet.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    used_at: MomentInput | None = Field(default=None, description="When; now when absent.", examples=["2026-03-02T12:00:00Z"])


class Referral(OutputModel):
    """Somebody whom a member referred."""

    id: str = Field(description="`rfl_…`", examples=["rfl_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    code: str = Field(description="The code that was used.", examples=["7K2M9QTX04AB"])
    referrer_id: str = Field(description="Who referred.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    referred_id: str = Field(description="Whom.", examples=["cus_01jd3z0k7cz9v8w6t5s4r3q2p2"])
    scheme_version: int = Field(description="The scheme that counts for it.", examples=[3])
    state: State = Field(description=_STATES, examples=["qualified"])
    reason: str | None = Field(description="Why it was refused or taken back, or why the referrer got nothing.", examples=[None])
    suspicions: list[str] = Field(description="Why somebody has to look at it.", examples=[[]])
    used_at: Moment = Field(description="When the code was used.", examples=["2026-03-02T12:00:00Z"])
    lapses_at: Moment = Field(description="Until when the condition can be met.", examples=["2026-04-01T12:00:00Z"])
    order_id: str | None = Field(description="The order that met it.", examples=["ord_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    due_at: Moment | None = Field(description="When it is rewarded.", examples=["2026-03-18T12:00:00Z"])
    completed_at: Moment | None = Field(description="When it was.", examples=[None])
    reversed_at: Moment | None = Field(description="When that was taken back.", examples=[None])


class Reward(OutputModel):
    """What one of the two got."""

    side: Literal["referrer", "referred"] = Field(description="Which of the two.", examples=["referrer"])
    kind: Literal["points", "rule", "voucher", "no_voucher"] = Field(
        description="Of the scheme, of a rule for completed referrals, a code, or none because the batch was empty.", examples=["points"]
    )
    points: int | None = Field(description="How many points.", examples=[500])


class ReferralDetail(Referral):
    """A referral with what was given for it."""

    rewards: list[Reward] = Field(description="What was given.")
