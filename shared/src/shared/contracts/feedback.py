"""What the feedback service tells: that a customer answered, never in which words."""

from datetime import datetime

from pydantic import Field

from shared.contracts.base import Event
from shared.contracts.privacy import DataProvided, ErasureConfirmed


class ResponseRecorded(
    Event, type="regulars.feedback.response_recorded.v1", aggregate="response", aggregate_id="response_id", key="subject_id"
):
    """Somebody answered a question."""

    response_id: str = Field(description="The response, `rsp_…`.")
    subject_id: str = Field(description="The customer's id when known, else the response's: the partition key.")
    customer_id: str | None = Field(default=None, description="The customer, `cus_…`, when known.")
    question: str = Field(description="Which question was answered, such as nps; readers pass over those they do not know.")
    score: int = Field(description="0 to 10 for nps.")
    channel: str | None = Field(default=None, description="Where it was asked, such as email or app.")
    has_comment: bool = Field(description="Whether words came with the score; they stay at home.")
    answered_at: datetime = Field(description="UTC.")


class FeedbackErasureConfirmed(
    ErasureConfirmed,
    Event,
    type="regulars.feedback.erasure_confirmed.v1",
    aggregate="erasure_receipt",
    aggregate_id="receipt_id",
    key="customer_id",
):
    """What feedback knew of a customer is erased."""


class FeedbackDataProvided(
    DataProvided,
    Event,
    type="regulars.feedback.data_provided.v1",
    aggregate="access_export_part",
    aggregate_id="part_id",
    key="customer_id",
):
    """What feedback keeps of a customer, sealed for one request."""
