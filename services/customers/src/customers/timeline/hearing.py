"""What other services tell of customers, as touches."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from customers.timeline import repository
from customers.timeline.repository import Touch
from customers.timeline.rules import MEMORY, sentiment_of, stage_asked_of
from shared.contracts.base import Event
from shared.contracts.feedback import ResponseRecorded
from shared.contracts.loyalty import (
    BadgeAwarded,
    BadgeTakenBack,
    ChallengeCompleted,
    ChallengeTaken,
    MemberEnrolled,
    MemberFrozen,
    MemberUnfrozen,
    OfferActivated,
    OfferExpired,
    OfferMade,
    OfferRedeemed,
    PointsAccrued,
    PointsAdjusted,
    PointsExpired,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
    PointsTransferred,
    RedemptionCancelled,
    RedemptionFulfilled,
    ReferralCompleted,
    ReferralMade,
    ReferralReversed,
    RewardRedeemed,
    TierChanged,
    VoucherRedeemed,
    VoucherRolledBack,
)
from shared.database.pool import Connection
from shared.database.unit_of_work import UnitOfWork
from shared.envelope import Received
from shared.messaging.handlers import HandlerTable

_MAIN_WALLET = "points"


async def hear(uow: UnitOfWork, events: Sequence[Received[Any]]) -> None:
    """Add what other services tell to their customers' timelines; what is of nobody we know is passed over."""
    touches = [_TOUCHES[type(received.event)](received) for received in events]
    await repository.record_heard(uow.connection, [touch for touch in touches if touch is not None], MEMORY, HEARD_KINDS)


async def forget(connection: Connection) -> None:
    """Delete what other services told, so that it can be heard again."""
    await repository.forget_heard(connection, HEARD_KINDS)


def _told(kind: str, source: str, moment: str, *summary: str, stage: str | None = None) -> Callable[[Received[Any]], Touch]:
    """Return what makes a touch of an event.

    Args:
        kind: of the touch.
        source: the event's field that tells one touch of the kind from another.
        moment: the field that tells when.
        summary: fields that are shown, unless they are empty.
        stage: where on the journey it is.
    """

    def touch(received: Received[Any]) -> Touch:
        event = received.event
        facts = {name: value for name in summary if (value := getattr(event, name)) is not None}
        if facts.get("wallet") == _MAIN_WALLET:
            del facts["wallet"]
        return Touch(event.customer_id, kind, getattr(event, source), getattr(event, moment), journey_stage=stage, summary=facts)

    return touch


def _response(received: Received[ResponseRecorded]) -> Touch | None:
    event = received.event
    if event.customer_id is None:
        return None
    return Touch(
        customer_id=event.customer_id,
        kind="response",
        source_id=event.response_id,
        occurred_at=event.answered_at,
        channel=event.channel,
        journey_stage=stage_asked_of(event.question),
        sentiment=sentiment_of(event.question, event.score),
        summary={"question": event.question, "score": event.score, "has_comment": event.has_comment},
    )


def _tier(received: Received[TierChanged]) -> Touch:
    event, envelope = received
    summary = {"tier": event.tier, "previous": event.previous, "reason": event.reason}
    return Touch(event.customer_id, "tier_changed", f"{event.customer_id}:{envelope.sequence}", event.changed_at, summary=summary)


def _offer_redeemed(received: Received[OfferRedeemed]) -> Touch | None:
    event = received.event
    if event.order_id is None or event.redeemed_at is None:
        return None
    at: datetime = event.redeemed_at
    summary = {"offer_id": event.offer_id, "order_id": event.order_id, "points": event.points}
    # Another order may turn out to redeem it: that is another touch.
    return Touch(event.customer_id, "offer_redeemed", f"{event.offer_id}:{event.order_id}", at, journey_stage="purchase", summary=summary)


_ENTRY = ("entry_id", "occurred_at", "points")
_TOUCHES: Mapping[type[Event], Callable[[Received[Any]], Touch | None]] = {
    ResponseRecorded: _response,
    MemberEnrolled: _told("member_enrolled", "customer_id", "enrolled_at", stage="advocacy"),
    MemberFrozen: _told("member_frozen", "freeze_id", "frozen_at"),
    MemberUnfrozen: _told("member_unfrozen", "freeze_id", "unfrozen_at"),
    PointsAccrued: _told("points_accrued", *_ENTRY, "reason", "order_id", "wallet"),
    PointsReversed: _told("points_reversed", *_ENTRY, "reason", "order_id", "wallet"),
    PointsRedeemed: _told("points_redeemed", *_ENTRY, "wallet"),
    PointsRestored: _told("points_restored", *_ENTRY, "reason", "order_id", "wallet"),
    PointsExpired: _told("points_expired", *_ENTRY, "reason", "wallet"),
    PointsAdjusted: _told("points_adjusted", *_ENTRY, "wallet"),
    PointsTransferred: _told("points_transferred", *_ENTRY, "wallet"),
    TierChanged: _tier,
    VoucherRedeemed: _told("voucher_redeemed", "redemption_id", "redeemed_at", "discount_minor", "currency", stage="purchase"),
    VoucherRolledBack: _told("voucher_rolled_back", "redemption_id", "rolled_back_at"),
    RewardRedeemed: _told("reward_redeemed", "redemption_id", "redeemed_at", "reward_id", "quantity", "points", "wallet"),
    RedemptionFulfilled: _told("reward_fulfilled", "redemption_id", "fulfilled_at", "reward_id"),
    RedemptionCancelled: _told("reward_cancelled", "redemption_id", "cancelled_at", "reward_id", "points", "reason"),
    ChallengeCompleted: _told("challenge_completed", "completion_id", "completed_at", "challenge_id", "number", "points", "badge"),
    ChallengeTaken: _told("challenge_taken", "completion_id", "taken_at", "challenge_id", "number"),
    BadgeAwarded: _told("badge_awarded", "award_id", "awarded_at", "badge", "source"),
    BadgeTakenBack: _told("badge_taken_back", "award_id", "taken_back_at", "badge"),
    ReferralMade: _told("referral_made", "referral_id", "used_at", "referral_id", stage="advocacy"),
    ReferralCompleted: _told("referral_completed", "referral_id", "completed_at", "referral_id", stage="advocacy"),
    ReferralReversed: _told("referral_reversed", "referral_id", "reversed_at", "referral_id", "reason"),
    OfferMade: _told("offer_made", "offer_id", "made_at", "offer_id", "valid_until", stage="attention"),
    OfferActivated: _told("offer_activated", "offer_id", "activated_at", "offer_id", stage="decision"),
    OfferRedeemed: _offer_redeemed,
    OfferExpired: _told("offer_expired", "offer_id", "expired_at", "offer_id"),
}
HANDLERS: HandlerTable = dict.fromkeys(_TOUCHES, hear)
# The kinds of touches that come from other services' events; their stages do not tell those of answers.
HEARD_KINDS = (
    *("response", "member_enrolled", "member_frozen", "member_unfrozen", "tier_changed"),
    *("points_accrued", "points_reversed", "points_redeemed", "points_restored", "points_expired", "points_adjusted", "points_transferred"),
    *("voucher_redeemed", "voucher_rolled_back", "reward_redeemed", "reward_fulfilled", "reward_cancelled"),
    *("challenge_completed", "challenge_taken", "badge_awarded", "badge_taken_back"),
    *("referral_made", "referral_completed", "referral_reversed"),
    *("offer_made", "offer_activated", "offer_redeemed", "offer_expired"),
)
