"""What loyalty tells of members, on their timelines: once, whatever comes twice, and of nobody who is not known."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from customers.handlers import HANDLERS
from customers.timeline.hearing import HEARD_KINDS
from shared.contracts import loyalty
from shared.testing.bus import deliver, message

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
LATER = datetime(2026, 3, 1, tzinfo=UTC)
ENTRY = {"entry_id": "ent_1", "points": 5, "occurred_at": AT}
REDEMPTION = {"redemption_id": "rdm_1", "reward_id": "rew_1"}
CHALLENGE = {"completion_id": "chc_1", "challenge_id": "chl_1", "number": 1}
BADGE = {"award_id": "bdg_1", "badge": "explorer"}
REFERRAL = {"referral_id": "rfl_1", "referred_id": "cus_2"}
OFFER = {"offer_id": "ofr_1", "campaign_id": "ofc_1"}

TOLD = [
    (loyalty.MemberFrozen, {"freeze_id": "frz_1", "earning": "waits", "frozen_at": AT}, "member_frozen", {}),
    (loyalty.MemberUnfrozen, {"freeze_id": "frz_1", "unfrozen_at": AT}, "member_unfrozen", {}),
    (loyalty.PointsRedeemed, ENTRY | {"source_id": "rdm_1"}, "points_redeemed", {"points": 5}),
    (loyalty.PointsRestored, ENTRY | {"reason": "return"}, "points_restored", {"points": 5, "reason": "return"}),
    (loyalty.PointsExpired, ENTRY, "points_expired", {"points": 5, "reason": "expired"}),
    (loyalty.PointsAdjusted, ENTRY | {"points": -3, "adjustment_id": "adj_1"}, "points_adjusted", {"points": -3}),
    (loyalty.PointsTransferred, ENTRY | {"transfer_id": "trf_1"}, "points_transferred", {"points": 5}),
    (
        loyalty.PointsAccrued,
        ENTRY | {"reason": "order", "order_id": "ord_1", "wallet": "tier_points"},
        "points_accrued",
        {"points": 5, "reason": "order", "order_id": "ord_1", "wallet": "tier_points"},
    ),
    (
        loyalty.TierChanged,
        {"tier": "gold", "previous": None, "reason": "earned", "changed_at": AT, "scheme_version": 1},
        "tier_changed",
        {"tier": "gold", "previous": None, "reason": "earned"},
    ),
    (
        loyalty.VoucherRedeemed,
        {"redemption_id": "vrd_1", "batch_id": "vbt_1", "campaign": "spring", "discount_minor": 300, "currency": "EUR", "redeemed_at": AT},
        "voucher_redeemed",
        {"discount_minor": 300, "currency": "EUR"},
    ),
    (loyalty.VoucherRolledBack, {"redemption_id": "vrd_1", "rolled_back_at": AT}, "voucher_rolled_back", {}),
    (
        loyalty.RewardRedeemed,
        REDEMPTION | {"quantity": 1, "points": 50, "redeemed_at": AT},
        "reward_redeemed",
        {"reward_id": "rew_1", "quantity": 1, "points": 50},
    ),
    (loyalty.RedemptionFulfilled, REDEMPTION | {"fulfilled_at": AT}, "reward_fulfilled", {"reward_id": "rew_1"}),
    (
        loyalty.RedemptionCancelled,
        REDEMPTION | {"points": 50, "reason": "timed_out", "cancelled_at": AT},
        "reward_cancelled",
        {"reward_id": "rew_1", "points": 50, "reason": "timed_out"},
    ),
    (
        loyalty.OfferMade,
        OFFER | {"made_at": AT, "valid_until": LATER},
        "offer_made",
        {"offer_id": "ofr_1", "valid_until": "2026-03-01T00:00:00Z"},
    ),
    (loyalty.OfferActivated, OFFER | {"activated_at": AT}, "offer_activated", {"offer_id": "ofr_1"}),
    (
        loyalty.OfferRedeemed,
        OFFER | {"order_id": "ord_1", "points": 9, "redeemed_at": AT},
        "offer_redeemed",
        {"offer_id": "ofr_1", "order_id": "ord_1", "points": 9},
    ),
    (
        loyalty.ChallengeCompleted,
        CHALLENGE | {"points": 50, "badge": "explorer", "completed_at": AT},
        "challenge_completed",
        {"challenge_id": "chl_1", "number": 1, "points": 50, "badge": "explorer"},
    ),
    (loyalty.ChallengeTaken, CHALLENGE | {"taken_at": AT}, "challenge_taken", {"challenge_id": "chl_1", "number": 1}),
    (loyalty.BadgeAwarded, BADGE | {"source": "hand", "awarded_at": AT}, "badge_awarded", {"badge": "explorer", "source": "hand"}),
    (loyalty.BadgeTakenBack, BADGE | {"taken_back_at": AT}, "badge_taken_back", {"badge": "explorer"}),
    (loyalty.ReferralMade, REFERRAL | {"suspicions": [], "used_at": AT}, "referral_made", {"referral_id": "rfl_1"}),
    (
        loyalty.ReferralCompleted,
        REFERRAL | {"referrer_rewarded": True, "completed_at": AT},
        "referral_completed",
        {"referral_id": "rfl_1"},
    ),
    (
        loyalty.ReferralReversed,
        REFERRAL | {"reason": "order_returned", "reversed_at": AT},
        "referral_reversed",
        {"referral_id": "rfl_1", "reason": "order_returned"},
    ),
    (loyalty.OfferExpired, OFFER | {"expired_at": AT}, "offer_expired", {"offer_id": "ofr_1"}),
]


@pytest.fixture
async def customer(client) -> str:
    return (await client.post("/v1/customers", json={"external_id": "C-1"})).json()["id"]


async def heard(database, *messages) -> None:
    await deliver(database, HANDLERS, list(messages), consumer="customers")


async def shown(client, customer: str, kind: str) -> list[dict]:
    return (await client.get(f"/v1/customers/{customer}/timeline", params={"kind": kind})).json()["data"]


@pytest.mark.parametrize(("event", "fields", "kind", "summary"), TOLD, ids=[each[2] for each in TOLD])
async def test_it_is_a_touch_once(client, database, customer, event, fields, kind, summary):
    told = message(event(customer_id=customer, **fields), 1)
    await heard(database, told, told)
    await heard(database, told)
    [touch] = await shown(client, customer, kind)
    assert (touch["occurred_at"], touch["summary"], kind in HEARD_KINDS) == ("2026-02-01T09:00:00Z", summary, True)


@pytest.mark.parametrize(("event", "fields", "kind", "summary"), TOLD, ids=[each[2] for each in TOLD])
async def test_of_nobody_nothing_is_kept(database, event, fields, kind, summary):
    await heard(database, message(event(customer_id="cus_nobody", **fields), 1))
    async with database.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM touches") == 0


async def test_each_change_of_tier_is_a_touch_of_its_own(client, database, customer):
    tiers = [None, "silver", "gold"]
    changes = [
        loyalty.TierChanged(customer_id=customer, tier=after, previous=before, reason="earned", changed_at=AT, scheme_version=1)
        for before, after in pairwise(tiers)
    ]
    # The second comes too early and waits for the first.
    await heard(database, message(changes[1], 2))
    await heard(database, message(changes[0], 1))
    assert {touch["summary"]["tier"] for touch in await shown(client, customer, "tier_changed")} == {"silver", "gold"}


async def test_an_offer_that_no_order_redeems_is_no_touch(client, database, customer):
    told = {"customer_id": customer, **OFFER, "order_id": None, "points": 0, "redeemed_at": None}
    await heard(database, message(loyalty.OfferRedeemed(**told), 1))
    assert await shown(client, customer, "offer_redeemed") == []


def test_every_kind_that_is_heard_is_named():
    heard = {each[2] for each in TOLD} | {"response", "member_enrolled", "points_reversed"}
    assert heard == set(HEARD_KINDS)
