"""Which limits make sense, and how suspicious something is. Pure."""

from collections.abc import Iterable, Mapping
from typing import Literal

Action = Literal[
    "earning",
    "redemption",
    "hold",
    "transfer",
    "voucher_redemption",
    "voucher_failure",
    "adjustment",
    "referral",
    "partner_accrual",
    "partner_redemption",
]
Subject = Literal["member", "caller", "partner"]
Measure = Literal["count", "points"]
# Windows reach back so far at most; what was done earlier is forgotten.
MAX_WINDOW_SECONDS = 31 * 86_400
_MAX_SCORE = 100
# How much each reason says, of a hundred; several add up.
WEIGHTS: Mapping[str, int] = {
    "large_accrual": 50,
    "earning_velocity": 60,
    "velocity": 60,
    "referral_velocity": 60,
    "registered_before_code": 20,
    "referrer_frozen": 70,
    "quick_order": 20,
    "shared_household_before": 50,
    "suspected_duplicate": 70,
    "shared_account": 60,
    "shared_card": 60,
    "shared_device": 40,
    "member_frozen": 70,
}
# Actions that spend: nobody who is frozen may take them.
SPENDING: frozenset[str] = frozenset({"redemption", "hold", "transfer", "voucher_redemption", "partner_redemption"})
# Actions that may draw from all whose points a member can spend.
_OF_POOL: frozenset[str] = frozenset({"redemption", "hold", "partner_redemption"})
# What can be posted later, once somebody has looked at it; other actions are refused, and looked at all the same.
_CAN_WAIT: frozenset[str] = frozenset({"earning", "partner_accrual"})


def offending_field(action: str, subject: str, measure: str, window_seconds: int | None, on_exceed: str) -> str | None:
    """Return the field of a limit that does not go with the others, or None.

    Args:
        action: what is limited.
        subject: whose actions count together.
        measure: count or points.
        window_seconds: how far back they count; each by itself when None.
        on_exceed: refuse or review.
    """
    if window_seconds is None and measure == "count":
        return "window_seconds"
    if subject == "partner" and not action.startswith("partner_"):
        return "subject"
    if action == "earning" and subject != "member":
        return "subject"
    # What is earned is told by events, which cannot be refused.
    if action == "earning" and on_exceed != "review":
        return "on_exceed"
    return None


def spends(action: str) -> bool:
    """Return whether an action spends points or what is worth money."""
    return action in SPENDING


def reaches_pool(action: str) -> bool:
    """Return whether an action may draw from the member's household too."""
    return action in _OF_POOL


def can_wait(action: str) -> bool:
    """Return whether an action that exceeds a limit can wait for a review instead of being refused."""
    return action in _CAN_WAIT


def score_of(reasons: Iterable[str]) -> int:
    """Return how suspicious something is for these reasons, 0 to 100; reasons without a weight count ten."""
    return min(sum(WEIGHTS.get(reason, 10) for reason in set(reasons)), _MAX_SCORE)
