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
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")
    rule_version: str | None = Field(default=None, description="The rule that gave them, when not the programme's rate did.")


class PointsReversed(Event, type="regulars.loyalty.points_reversed.v1", aggregate="member", aggregate_id="customer_id"):
    """Points that were earned are taken back."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points taken back, at least 1.")
    reason: str = Field(description="Why they were taken back, such as return.")
    order_id: str | None = Field(default=None, description="The order they had been earned with.")
    occurred_at: datetime = Field(description="When the reason arose, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")


class PointsRedeemed(Event, type="regulars.loyalty.points_redeemed.v1", aggregate="member", aggregate_id="customer_id"):
    """A member spent points."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points spent of this member, at least 1.")
    source_id: str = Field(description="What they were spent on: a hold, a redemption or the id that the caller gave.")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")


class PointsRestored(Event, type="regulars.loyalty.points_restored.v1", aggregate="member", aggregate_id="customer_id"):
    """Points that were spent or had expired are a member's again; they keep the expiry that they had."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points given back, at least 1.")
    reason: str = Field(description="Why they came back, such as cancellation or return.")
    order_id: str | None = Field(default=None, description="The order whose return it belongs to, when one caused it.")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")


class PointsExpired(Event, type="regulars.loyalty.points_expired.v1", aggregate="member", aggregate_id="customer_id"):
    """Points of a member were not spent in time."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points lost, at least 1.")
    reason: str = Field(default="expired", description="expired, or forfeited when the membership ended.")
    occurred_at: datetime = Field(description="The instant from which they counted no more, UTC; booked later.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")


class PointsAdjusted(Event, type="regulars.loyalty.points_adjusted.v1", aggregate="member", aggregate_id="customer_id"):
    """Somebody gave or took points by hand."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points given, or taken when below zero.")
    adjustment_id: str = Field(description="The adjustment, `adj_…`.")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")


class PointsTransferred(Event, type="regulars.loyalty.points_transferred.v1", aggregate="member", aggregate_id="customer_id"):
    """A member gave points to another, or got some."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points received, or given away when below zero.")
    transfer_id: str = Field(description="The transfer, `trf_…`: its two sides share it.")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")


class PointsHeld(Event, type="regulars.loyalty.points_held.v1", aggregate="member", aggregate_id="customer_id"):
    """Points of a member are set aside, to be captured or let go."""

    hold_id: str = Field(description="The hold, `hol_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points held, at least 1.")
    occurred_at: datetime = Field(description="When they were set aside, UTC.")
    expires_at: datetime = Field(description="When they are free again unless they are captured before, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise.")


class HoldReleased(Event, type="regulars.loyalty.hold_released.v1", aggregate="member", aggregate_id="customer_id"):
    """Points that were set aside are free again, all or what was not captured."""

    hold_id: str = Field(description="The hold, `hol_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points let go.")
    reason: str = Field(description="captured, voided or timed_out.")
    occurred_at: datetime = Field(description="When, UTC; of a hold that timed out the instant at which it did.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise.")


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


class VoucherRedeemed(
    Event,
    type="regulars.loyalty.voucher_redeemed.v1",
    aggregate="voucher_redemption",
    aggregate_id="redemption_id",
    key="customer_id",
):
    """A customer used a voucher for a purchase; the code itself, which is worth money, stays at home."""

    redemption_id: str = Field(description="The use, `vrd_…`.")
    customer_id: str = Field(description="Who used it, `cus_…`.")
    batch_id: str = Field(description="The batch that the code is of, `vbt_…`.")
    campaign: str = Field(description="What the batch is for.")
    discount_minor: int | None = Field(default=None, description="What was taken off, in minor units, when the till told enough.")
    currency: str | None = Field(default=None, description="ISO 4217 code of the order.")
    redeemed_at: datetime = Field(description="UTC.")


class VoucherRolledBack(
    Event,
    type="regulars.loyalty.voucher_rolled_back.v1",
    aggregate="voucher_redemption",
    aggregate_id="redemption_id",
    key="customer_id",
):
    """The use of a voucher was taken back: it is worth what it was before."""

    redemption_id: str = Field(description="The use, `vrd_…`.")
    customer_id: str = Field(description="Who had used it, `cus_…`.")
    rolled_back_at: datetime = Field(description="UTC.")
