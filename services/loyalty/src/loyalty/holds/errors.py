"""What can go wrong with holds.

NotFound
└── HoldNotFound   there is no such hold

Conflict
├── HoldClosed     it was captured, voided or has timed out; the extra `state` tells which
└── HoldExceeded   more is to be captured than it holds; the extra `points` tells how much that is
"""

from shared.errors import Conflict, NotFound


class HoldNotFound(NotFound):
    code = "hold_not_found"
    title = "There is no such hold."


class HoldClosed(Conflict):
    code = "hold_closed"
    title = "The hold is not open any more."


class HoldExceeded(Conflict):
    code = "hold_exceeded"
    title = "The hold holds fewer points."
