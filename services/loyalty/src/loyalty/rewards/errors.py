"""What can go wrong with rewards.

NotFound
└── RewardNotFound       there is no such reward
Invalid
└── RewardTermsInvalid   the terms contradict each other; the pointer names the field
Conflict
├── TooManyRewards       the catalogue is full
└── RewardRefused        the reward is not to be had here and now; one class a reason
"""

from typing import ClassVar

from shared.errors import Conflict, Invalid, NotFound


class RewardNotFound(NotFound):
    code = "reward_not_found"
    title = "There is no such reward."


class RewardTermsInvalid(Invalid):
    code = "reward_terms_invalid"
    title = "The terms of the reward contradict each other or name what there is not."


class TooManyRewards(Conflict):
    code = "too_many_rewards"
    title = "The catalogue is full; archive rewards that are not needed any more."


class RewardRefused(Conflict):
    """The reward is not to be had here and now."""

    REASONS: ClassVar[dict[str, type["RewardRefused"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        RewardRefused.REASONS[cls.code] = cls


class RewardNotInForce(RewardRefused):
    code = "reward_not_in_force"
    title = "This reward is not to be had at this time."


class RewardNotEligible(RewardRefused):
    """Its extra `reason` is `tier`, `condition` or `minimum_balance`."""

    code = "reward_not_eligible"
    title = "This reward is not meant for this member."


class RewardLimitReached(RewardRefused):
    """Its extra `period` tells which limit."""

    code = "reward_limit_reached"
    title = "This member has had this reward as often as he may."


class RewardSoldOut(RewardRefused):
    code = "reward_sold_out"
    title = "Nothing is left of this reward."
