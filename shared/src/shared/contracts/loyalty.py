"""What the loyalty service tells: who is a member, and every movement of points."""

from datetime import datetime

from pydantic import Field

from shared.contracts.base import Event
from shared.contracts.privacy import DataProvided, ErasureConfirmed


class MemberEnrolled(Event, type="regulars.loyalty.member_enrolled.v1", aggregate="member", aggregate_id="customer_id"):
    """A customer takes part in the programme."""

    customer_id: str = Field(description="The customer, `cus_…`.")
    enrolled_at: datetime = Field(description="UTC.")


class PointsAccrued(Event, type="regulars.loyalty.points_accrued.v1", aggregate="member", aggregate_id="customer_id"):
    """A member earned points."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points earned, at least 1.")
    reason: str = Field(description="What earned them, such as order.")
    order_id: str | None = Field(default=None, description="The order, when one earned them.")
    occurred_at: datetime = Field(description="When they were earned, UTC: the day of the order, not of the booking.")


class PointsReversed(Event, type="regulars.loyalty.points_reversed.v1", aggregate="member", aggregate_id="customer_id"):
    """Points that were earned are taken back."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points taken back, at least 1.")
    reason: str = Field(description="Why they were taken back, such as return.")
    order_id: str | None = Field(default=None, description="The order they had been earned with.")
    occurred_at: datetime = Field(description="When the reason arose, UTC.")


class LoyaltyErasureConfirmed(
    ErasureConfirmed,
    Event,
    type="regulars.loyalty.erasure_confirmed.v1",
    aggregate="erasure_receipt",
    aggregate_id="receipt_id",
    key="customer_id",
):
    """What loyalty knew of a customer is erased."""


class LoyaltyDataProvided(
    DataProvided, Event, type="regulars.loyalty.data_provided.v1", aggregate="access_export_part", aggregate_id="part_id", key="customer_id"
):
    """What loyalty keeps of a customer, sealed for one request."""
