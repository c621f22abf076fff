"""What the loyalty service tells: who is a member, and every movement of points."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.contracts.base import Event
from shared.contracts.privacy import DataProvided, ErasureConfirmed

# Absent in what is told of the programme that there always is.
ProgrammeId = Annotated[str | None, Field(description="The programme, `prg_…`, when it is not the default one.")]


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
    programme_id: ProgrammeId = None
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
    programme_id: ProgrammeId = None


class PointsRedeemed(Event, type="regulars.loyalty.points_redeemed.v1", aggregate="member", aggregate_id="customer_id"):
    """A member spent points."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points spent of this member, at least 1.")
    source_id: str = Field(description="What they were spent on: a hold, a redemption or the id that the caller gave.")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")
    programme_id: ProgrammeId = None


class PointsRestored(Event, type="regulars.loyalty.points_restored.v1", aggregate="member", aggregate_id="customer_id"):
    """Points that were spent or had expired are a member's again; they keep the expiry that they had."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points given back, at least 1.")
    reason: str = Field(description="Why they came back, such as cancellation or return.")
    order_id: str | None = Field(default=None, description="The order whose return it belongs to, when one caused it.")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")
    programme_id: ProgrammeId = None


class PointsExpired(Event, type="regulars.loyalty.points_expired.v1", aggregate="member", aggregate_id="customer_id"):
    """Points of a member were not spent in time."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points lost, at least 1.")
    reason: str = Field(default="expired", description="expired, or forfeited when the membership ended.")
    occurred_at: datetime = Field(description="The instant from which they counted no more, UTC; booked later.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")
    programme_id: ProgrammeId = None


class PointsExpiring(
    Event, type="regulars.loyalty.points_expiring.v1", aggregate="expiry_reminder", aggregate_id="reminder_id", key="customer_id"
):
    """Points of a member expire soon unless he spends them, or is active where that puts it off; told once for each lead time."""

    reminder_id: str = Field(description="The reminder, `rem_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="How many points expire at that instant.")
    expires_at: datetime = Field(description="The instant from which they count no more, UTC.")
    days: int = Field(description="The lead time: so many days before it, or fewer when that had passed already.")
    wallet: str = Field(default="points", description="The wallet.")


class PointsAdjusted(Event, type="regulars.loyalty.points_adjusted.v1", aggregate="member", aggregate_id="customer_id"):
    """Somebody gave or took points by hand."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points given, or taken when below zero.")
    adjustment_id: str = Field(description="The adjustment, `adj_…`.")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")
    programme_id: ProgrammeId = None


class PointsTransferred(Event, type="regulars.loyalty.points_transferred.v1", aggregate="member", aggregate_id="customer_id"):
    """A member gave points to another, or got some."""

    entry_id: str = Field(description="The ledger entry, `ent_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points received, or given away when below zero.")
    transfer_id: str = Field(description="The transfer, `trf_…`: its two sides share it.")
    occurred_at: datetime = Field(description="When it happened, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise, such as tier_points.")
    programme_id: ProgrammeId = None


class PointsHeld(Event, type="regulars.loyalty.points_held.v1", aggregate="member", aggregate_id="customer_id"):
    """Points of a member are set aside, to be captured or let go."""

    hold_id: str = Field(description="The hold, `hol_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points held, at least 1.")
    occurred_at: datetime = Field(description="When they were set aside, UTC.")
    expires_at: datetime = Field(description="When they are free again unless they are captured before, UTC.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise.")
    programme_id: ProgrammeId = None


class HoldReleased(Event, type="regulars.loyalty.hold_released.v1", aggregate="member", aggregate_id="customer_id"):
    """Points that were set aside are free again, all or what was not captured."""

    hold_id: str = Field(description="The hold, `hol_…`.")
    customer_id: str = Field(description="The member's customer id.")
    points: int = Field(description="Points let go.")
    reason: str = Field(description="captured, voided or timed_out.")
    occurred_at: datetime = Field(description="When, UTC; of a hold that timed out the instant at which it did.")
    wallet: str = Field(default="points", description="The wallet: points unless it says otherwise.")
    programme_id: ProgrammeId = None


class TierChanged(Event, type="regulars.loyalty.tier_changed.v1", aggregate="tier_standing", aggregate_id="customer_id"):
    """A member has another tier; the last one told is his present one, also where what was told before turned out otherwise."""

    customer_id: str = Field(description="The member's customer id; of merged customers the one whom all belong to.")
    tier: str | None = Field(default=None, description="The tier from then on; none below the first.")
    previous: str | None = Field(default=None, description="The tier before.")
    reason: str = Field(description="earned, lapsed, returned, scheme or given; more may come.")
    changed_at: datetime = Field(description="The instant, UTC: of what was earned or of the end of the period, not of the booking.")
    scheme_version: int = Field(description="The version of the tiers that counted.")


class ChallengeCompleted(
    Event,
    type="regulars.loyalty.challenge_completed.v1",
    aggregate="challenge_completion",
    aggregate_id="completion_id",
    key="customer_id",
):
    """A member has met a challenge; told again when he meets it again after a return took it."""

    completion_id: str = Field(description="The completion, `chc_…`.")
    challenge_id: str = Field(description="The challenge, `chl_…`.")
    customer_id: str = Field(description="The member's customer id; of merged customers the one whom all belong to.")
    number: int = Field(description="The how-manieth time that he has met it.")
    points: int = Field(description="Points that it gave.")
    badge: str | None = Field(default=None, description="The badge that it gave.")
    completed_at: datetime = Field(description="When what met it happened, UTC.")


class ChallengeTaken(
    Event,
    type="regulars.loyalty.challenge_taken.v1",
    aggregate="challenge_completion",
    aggregate_id="completion_id",
    key="customer_id",
):
    """What met a challenge came back, so that it is not met any more."""

    completion_id: str = Field(description="The completion, `chc_…`.")
    challenge_id: str = Field(description="The challenge, `chl_…`.")
    customer_id: str = Field(description="Who had met it.")
    number: int = Field(description="The how-manieth time it was.")
    taken_at: datetime = Field(description="When it came back, UTC.")


class BadgeAwarded(Event, type="regulars.loyalty.badge_awarded.v1", aggregate="badge_award", aggregate_id="award_id", key="customer_id"):
    """A member has a badge."""

    award_id: str = Field(description="The award, `bdg_…`.")
    customer_id: str = Field(description="The member's customer id.")
    badge: str = Field(description="The badge's code.")
    source: str = Field(description="challenge, tier or hand; more may come.")
    awarded_at: datetime = Field(description="UTC.")


class BadgeTakenBack(
    Event, type="regulars.loyalty.badge_taken_back.v1", aggregate="badge_award", aggregate_id="award_id", key="customer_id"
):
    """A member does not have a badge any more."""

    award_id: str = Field(description="The award, `bdg_…`.")
    customer_id: str = Field(description="The member's customer id.")
    badge: str = Field(description="The badge's code.")
    taken_back_at: datetime = Field(description="UTC.")


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
    programme_id: ProgrammeId = None
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


class RewardRedeemed(
    Event, type="regulars.loyalty.reward_redeemed.v1", aggregate="redemption", aggregate_id="redemption_id", key="customer_id"
):
    """A member took a reward; goods wait for their fulfilment, what is given at once is fulfilled at once."""

    redemption_id: str = Field(description="The redemption, `rdm_…`.")
    customer_id: str = Field(description="Who took it, `cus_…`.")
    reward_id: str = Field(description="The reward, `rew_…`.")
    quantity: int = Field(description="Pieces, at least 1.")
    points: int = Field(description="Points for all of them, at least 1.")
    wallet: str = Field(default="points", description="The wallet that pays them.")
    programme_id: ProgrammeId = None
    amount_minor: int | None = Field(default=None, description="Money to be collected with them, in minor units.")
    currency: str | None = Field(default=None, description="ISO 4217 code of the money.")
    redeemed_at: datetime = Field(description="UTC.")
    expires_at: datetime | None = Field(default=None, description="When it ends unless it is fulfilled before, UTC.")


class RedemptionFulfilled(
    Event, type="regulars.loyalty.redemption_fulfilled.v1", aggregate="redemption", aggregate_id="redemption_id", key="customer_id"
):
    """A member has the reward that he took; its points are spent."""

    redemption_id: str = Field(description="The redemption, `rdm_…`.")
    customer_id: str = Field(description="Who has it, `cus_…`.")
    reward_id: str = Field(description="The reward, `rew_…`.")
    fulfilled_at: datetime = Field(description="UTC.")


class RedemptionCancelled(
    Event, type="regulars.loyalty.redemption_cancelled.v1", aggregate="redemption", aggregate_id="redemption_id", key="customer_id"
):
    """A redemption ended: its points are the member's again, with the expiry that they had, and its pieces are in stock."""

    redemption_id: str = Field(description="The redemption, `rdm_…`.")
    customer_id: str = Field(description="Who had taken it, `cus_…`.")
    reward_id: str = Field(description="The reward, `rew_…`.")
    points: int = Field(description="Points that came back, or were let go.")
    reason: str = Field(description="cancelled, timed_out or membership_ended; more may come.")
    cancelled_at: datetime = Field(description="UTC; of one that timed out the instant at which it did.")


class OfferMade(Event, type="regulars.loyalty.offer_made.v1", aggregate="offer", aggregate_id="offer_id", key="customer_id"):
    """A member has a personal offer; what it is for stays at home."""

    offer_id: str = Field(description="The offer, `ofr_…`.")
    customer_id: str = Field(description="For whom, `cus_…`.")
    campaign_id: str = Field(description="Its campaign, `ofc_…`.")
    programme_id: ProgrammeId = None
    made_at: datetime = Field(description="UTC.")
    valid_until: datetime = Field(description="The instant from which it counts no more, UTC.")


class OfferActivated(Event, type="regulars.loyalty.offer_activated.v1", aggregate="offer", aggregate_id="offer_id", key="customer_id"):
    """A member took up an offer: what he buys from now on can redeem it."""

    offer_id: str = Field(description="The offer, `ofr_…`.")
    customer_id: str = Field(description="Whose, `cus_…`.")
    campaign_id: str = Field(description="Its campaign, `ofc_…`.")
    activated_at: datetime = Field(description="UTC.")


class OfferRedeemed(Event, type="regulars.loyalty.offer_redeemed.v1", aggregate="offer", aggregate_id="offer_id", key="customer_id"):
    """An order redeems an offer; a later one of the same offer replaces it, when an earlier order or a return became known."""

    offer_id: str = Field(description="The offer, `ofr_…`.")
    customer_id: str = Field(description="Whose, `cus_…`.")
    campaign_id: str = Field(description="Its campaign, `ofc_…`.")
    programme_id: ProgrammeId = None
    order_id: str | None = Field(default=None, description="The order; none when the one that was told was cancelled or came back.")
    points: int = Field(description="Points that it gives.")
    redeemed_at: datetime | None = Field(default=None, description="When the order was placed, UTC.")


class OfferExpired(Event, type="regulars.loyalty.offer_expired.v1", aggregate="offer", aggregate_id="offer_id", key="customer_id"):
    """An offer was not used in time; an order placed in time that is heard of later still redeems it."""

    offer_id: str = Field(description="The offer, `ofr_…`.")
    customer_id: str = Field(description="Whose, `cus_…`.")
    campaign_id: str = Field(description="Its campaign, `ofc_…`.")
    expired_at: datetime = Field(description="The instant from which it counted no more, UTC; told later.")


class MemberFrozen(Event, type="regulars.loyalty.member_frozen.v1", aggregate="member_freeze", aggregate_id="freeze_id", key="customer_id"):
    """A member can spend nothing until further notice."""

    freeze_id: str = Field(description="The freeze, `frz_…`.")
    customer_id: str = Field(description="The member's customer id.")
    earning: str = Field(description="Whether what he earns `continues` to be posted, or `waits` for a review.")
    frozen_at: datetime = Field(description="UTC.")


class MemberUnfrozen(
    Event, type="regulars.loyalty.member_unfrozen.v1", aggregate="member_freeze", aggregate_id="freeze_id", key="customer_id"
):
    """A member who was frozen can spend again."""

    freeze_id: str = Field(description="The freeze that ended, `frz_…`.")
    customer_id: str = Field(description="The member's customer id.")
    unfrozen_at: datetime = Field(description="UTC.")


class ReviewOpened(Event, type="regulars.loyalty.review_opened.v1", aggregate="review", aggregate_id="review_id"):
    """Something waits for a person to look at it."""

    review_id: str = Field(description="The review, `rvw_…`.")
    kind: str = Field(description="earning, frozen_earning, referral, partner_accrual or velocity; more may come.")
    subject_id: str = Field(description="What waits: an order, a freeze, a referral, a posting; of a velocity the limit and whose.")
    customer_id: str | None = Field(default=None, description="Whom it is about, `cus_…`.")
    reasons: list[str] = Field(description="Why, as codes, sorted.")
    score: int = Field(description="How suspicious it is, 0 to 100.")
    opened_at: datetime = Field(description="UTC.")


class ReviewConcluded(Event, type="regulars.loyalty.review_concluded.v1", aggregate="review", aggregate_id="review_id"):
    """Somebody has decided about what waited."""

    review_id: str = Field(description="The review, `rvw_…`.")
    kind: str = Field(description="What it was about; see review_opened.")
    subject_id: str = Field(description="What waited.")
    customer_id: str | None = Field(default=None, description="Whom it was about, `cus_…`.")
    state: str = Field(description="approved or rejected.")
    decided_at: datetime = Field(description="UTC.")


class ReferralMade(Event, type="regulars.loyalty.referral_made.v1", aggregate="referral", aggregate_id="referral_id", key="customer_id"):
    """A member referred a customer: his code was used."""

    referral_id: str = Field(description="The referral, `rfl_…`.")
    customer_id: str = Field(description="Who referred, `cus_…`.")
    referred_id: str = Field(description="Whom, `cus_…`.")
    suspicions: list[str] = Field(description="Why somebody has to look at it before it is rewarded, as codes; mostly none.")
    used_at: datetime = Field(description="When the code was used, UTC.")


class ReferralCompleted(
    Event, type="regulars.loyalty.referral_completed.v1", aggregate="referral", aggregate_id="referral_id", key="customer_id"
):
    """A referral met its condition, its order cannot be returned any more, and it was rewarded."""

    referral_id: str = Field(description="The referral, `rfl_…`.")
    customer_id: str = Field(description="Who referred, `cus_…`.")
    referred_id: str = Field(description="Whom, `cus_…`.")
    referrer_rewarded: bool = Field(description="False when he had referred as many as he may in the period.")
    completed_at: datetime = Field(description="UTC.")


class ReferralRefused(
    Event, type="regulars.loyalty.referral_refused.v1", aggregate="referral", aggregate_id="referral_id", key="customer_id"
):
    """A referral will never be rewarded."""

    referral_id: str = Field(description="The referral, `rfl_…`.")
    customer_id: str = Field(description="Who referred, `cus_…`.")
    referred_id: str = Field(description="Whom, `cus_…`.")
    reason: str = Field(description="referral_self, referral_not_new, membership_ended or rejected; more may come.")


class ReferralReversed(
    Event, type="regulars.loyalty.referral_reversed.v1", aggregate="referral", aggregate_id="referral_id", key="customer_id"
):
    """The rewards of a referral were taken back."""

    referral_id: str = Field(description="The referral, `rfl_…`.")
    customer_id: str = Field(description="Who referred, `cus_…`.")
    referred_id: str = Field(description="Whom, `cus_…`.")
    reason: str = Field(description="order_returned or referral_self; more may come.")
    reversed_at: datetime = Field(description="UTC.")
