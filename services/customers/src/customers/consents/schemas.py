"""Consents, purposes and decisions as the interface shows them."""

from typing import Annotated, Any, Literal, Self

from asyncpg import Record
from fastapi import Path
from pydantic import Field, StringConstraints, TypeAdapter

from customers.consents.repository import Answer
from customers.consents.rules import LegalBasis, Reason, State
from customers.fields import CustomerIdInBody
from shared.http.batches import ItemResult
from shared.http.schemas import InputModel, Moment, MomentInput, OutputModel, ShortText

_NAME = "^[a-z][a-z0-9_-]{0,39}$"
Name = Annotated[str, StringConstraints(pattern=_NAME)]
PurposeInPath = Annotated[str, Path(pattern=_NAME, description="What for.", examples=["marketing"])]
ChannelInPath = Annotated[str, Path(pattern=_NAME, description="Through what.", examples=["email"])]
DecisionIdInPath = Annotated[
    str, Path(pattern="^[A-Za-z0-9_-]{1,64}$", description="The decision.", examples=["dec_01jd3z0k7cz9v8w6t5s4r3q2p1"])
]

_CUSTOMER = "cus_01jd3z0k7cz9v8w6t5s4r3q2p1"
_TextVersion = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Languages = Literal["en", "ru", "zh", "lv"]


class ConsentDraft(InputModel):
    """What a customer answered, and the proof of it."""

    granted: bool = Field(strict=True, description="Whether he may be addressed.", examples=[True])
    source: ShortText = Field(description="Where he answered: a form, a shop, a call.", examples=["newsletter form"])
    text_version: _TextVersion = Field(description="Version of the text that he was shown.", examples=["2026-05"])
    observed_at: MomentInput | None = Field(default=None, description="When he answered; now when absent.")


class Consent(OutputModel):
    """The answer that counts for a purpose and channel."""

    id: str = Field(description="`con_…`.", examples=["con_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="The record that answered.", examples=[_CUSTOMER])
    purpose: str = Field(description="What for.", examples=["marketing"])
    channel: str = Field(description="Through what.", examples=["email"])
    granted: bool = Field(description="Whether he agreed, and confirmed it where that is needed.", examples=[True])
    state: State = Field(description="pending until a double opt-in is confirmed.", examples=["granted"])
    source: str = Field(description="Where he answered.", examples=["newsletter form"])
    text_version: str | None = Field(description="Version of the text that he was shown.", examples=["2026-05"])
    observed_at: Moment = Field(description="When he answered, UTC.")
    changed_at: Moment = Field(description="When it was recorded, UTC.")

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Return what is shown of an answer."""
        return cls.model_construct(**answer._asdict(), granted=answer.state == "granted")


class RecordedConsent(OutputModel):
    """What an answer made of a consent."""

    consent: Consent = Field(description="The answer that counts for the customer now: the most restrictive of his records.")
    confirmation_token: str | None = Field(
        default=None, description="For double opt-in: what the customer sends back to confirm; put it into a link.", examples=[None]
    )
    confirmation_expires_at: Moment | None = Field(default=None, description="Until when he can confirm, UTC.")


class ConsentProof(OutputModel):
    """One answer of the past, with its proof."""

    consent_id: str = Field(description="`con_…`.", examples=["con_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    version: int = Field(description="1 for the first answer.", examples=[1])
    customer_id: str = Field(description="The record that answered.", examples=[_CUSTOMER])
    purpose: str = Field(description="What for.", examples=["marketing"])
    channel: str = Field(description="Through what.", examples=["email"])
    state: State = Field(description="What was answered.", examples=["granted"])
    source: str = Field(description="Where.", examples=["newsletter form"])
    text_version: str | None = Field(description="Version of the text that was shown.", examples=["2026-05"])
    text_sha256: str | None = Field(description="Hash of that text, when the catalogue has it.", examples=[None])
    observed_at: Moment = Field(description="When he answered, UTC.")
    recorded_at: Moment = Field(description="When it was recorded, UTC.")
    actor: str = Field(description="Who recorded it.", examples=["server:0123456789abcdef"])


class Consents(OutputModel):
    """All that a customer answered, on whichever of his records."""

    customer_id: str = Field(description="The customer.", examples=[_CUSTOMER])
    restricted: bool = Field(description="Whether the processing of his data is restricted, which allows nothing.", examples=[False])
    data: list[Consent] = Field(description="What counts at present, one for each purpose and channel.")
    history: list[ConsentProof] = Field(description="Every answer, newest first; the last 500.")


class PurposeText(InputModel):
    """What a customer is asked, in one language."""

    title: ShortText = Field(description="A few words.", examples=["News and offers"])
    text: Annotated[str, StringConstraints(min_length=1, max_length=2_000)] = Field(
        description="What he agrees to.", examples=["We may write to you about new goods and offers."]
    )


class PurposeDraft(InputModel):
    """A purpose for which customers are addressed."""

    legal_basis: LegalBasis = Field(description="Letter of GDPR article 6(1).", examples=["consent"])
    double_opt_in: bool = Field(
        default=False, strict=True, description="Whether an agreement counts only once it is confirmed.", examples=[True]
    )
    channels: list[Name] = Field(
        default=["email"], min_length=1, max_length=20, description="Those that the preference page offers.", examples=[["email", "sms"]]
    )
    text_version: _TextVersion | None = Field(default=None, description="The text that is shown from now on.", examples=["2026-05"])
    texts: dict[_Languages, PurposeText] | None = Field(
        default=None,
        description="That text by language, when the version is new; a version never changes.",
        min_length=1,
        examples=[{"en": {"title": "News and offers", "text": "We may write to you about new goods and offers."}}],
    )


class Purpose(OutputModel):
    """A purpose for which customers are addressed."""

    purpose: str = Field(description="Its name.", examples=["marketing"])
    legal_basis: LegalBasis = Field(description="Letter of GDPR article 6(1).", examples=["consent"])
    double_opt_in: bool = Field(description="Whether an agreement counts only once it is confirmed.", examples=[True])
    channels: list[str] = Field(description="Those that the preference page offers.", examples=[["email", "sms"]])
    text_version: str | None = Field(description="The text that is shown at present.", examples=["2026-05"])
    texts: dict[str, dict[str, Any]] = Field(
        description="By version and language.",
        examples=[{"2026-05": {"en": {"title": "News and offers", "text": "We may write to you about new goods and offers."}}}],
    )
    updated_at: Moment = Field(description="UTC.")

    @classmethod
    def of(cls, row: Record) -> Self:
        """Return what is shown of a row."""
        return cls.model_construct(**row)


class Purposes(OutputModel):
    """The catalogue of purposes."""

    data: list[Purpose] = Field(description="By name; at most 100.")


class ConsentQuestion(InputModel):
    """May this customer be addressed?"""

    customer_id: CustomerIdInBody
    purpose: Name = Field(description="What for.", examples=["marketing"])
    channel: Name = Field(description="Through what.", examples=["email"])


QUESTION = TypeAdapter(ConsentQuestion)


class Decision(OutputModel):
    """Whether a customer may be addressed, decided once and kept."""

    decision_id: str = Field(description="Keep it as the proof: `dec_…`.", examples=["dec_01jd3z0k7cz9v8w6t5s4r3q2p1"])
    customer_id: str = Field(description="The customer.", examples=[_CUSTOMER])
    purpose: str = Field(description="What for.", examples=["marketing"])
    channel: str = Field(description="Through what.", examples=["email"])
    allowed: bool = Field(description="Whether he may be addressed.", examples=[True])
    reason: Reason = Field(description="Why.", examples=["granted"])
    basis: dict[str, int] = Field(description="Versions of the consents it rests on.", examples=[{"con_01jd3z0k7cz9v8w6t5s4r3q2p1": 1}])
    quiet_until: Moment | None = Field(
        description="When his quiet hours end, if they hold now, UTC: what disturbs waits until then. Not part of whether he may be "
        "addressed at all.",
        examples=["2026-03-02T06:00:00Z"],
    )
    decided_at: Moment = Field(description="UTC.")


class DecisionResult(OutputModel):
    """The answer to one question of a batch."""

    status: int = Field(description="HTTP status of this question.", examples=[200])
    decision: Decision | None = Field(default=None, description="The decision.")
    problem: dict[str, Any] | None = Field(default=None, description="Why there is none.", examples=[None])

    @classmethod
    def refused(cls, result: ItemResult) -> Self:
        """Return the answer to a question that is refused."""
        assert result.problem is not None
        return cls(status=result.status, problem=result.problem.model_dump(exclude_none=True, warnings=False))


class DecisionBatch(OutputModel):
    """The answers to a batch of questions."""

    results: list[DecisionResult] = Field(description="One for each question, in order.")


class Confirmation(InputModel):
    """The second step of a double opt-in."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern="^[A-Za-z0-9_.-]+$")] = Field(
        description="The token of the first step.", examples=["eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"]
    )
