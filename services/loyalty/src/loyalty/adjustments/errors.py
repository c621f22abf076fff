"""What can go wrong with adjustments.

NotFound
└── AdjustmentNotFound   there is no such adjustment

Conflict
└── AdjustmentDecided    it is posted or rejected already

Forbidden
└── OwnAdjustment        who asked for it cannot approve it
"""

from shared.errors import Conflict, Forbidden, NotFound


class AdjustmentNotFound(NotFound):
    code = "adjustment_not_found"
    title = "There is no such adjustment."


class AdjustmentDecided(Conflict):
    code = "adjustment_decided"
    title = "The adjustment is decided already."


class OwnAdjustment(Forbidden):
    code = "own_adjustment"
    title = "A second person must decide this."
