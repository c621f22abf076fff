"""What can go wrong with redemptions; why a reward is not to be had says `loyalty.rewards.errors`.

NotFound
└── RedemptionNotFound        there is no such redemption
Invalid
└── OptionUnknown             the reward has no such way to pay
Conflict
├── RedemptionClosed          it was cancelled or has timed out; the extra `status` tells which
└── RedemptionVoucherUsed     its code was used: the use has to be rolled back before
"""

from shared.errors import Conflict, Invalid, NotFound


class RedemptionNotFound(NotFound):
    code = "redemption_not_found"
    title = "There is no such redemption."


class OptionUnknown(Invalid):
    code = "option_unknown"
    title = "The reward has no such way to pay."


class RedemptionClosed(Conflict):
    code = "redemption_closed"
    title = "The redemption has ended."


class RedemptionVoucherUsed(Conflict):
    code = "redemption_voucher_used"
    title = "The code of this redemption was used; roll that use back first."
