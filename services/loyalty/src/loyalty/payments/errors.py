"""What can go wrong when members pay with points.

Conflict
└── PointsNotPayable   the programme's points are worth no money in this currency
"""

from shared.errors import Conflict


class PointsNotPayable(Conflict):
    code = "points_not_payable"
    title = "Points of this programme are worth no money in this currency; their value is to be set first."
