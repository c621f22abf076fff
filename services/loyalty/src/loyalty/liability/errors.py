"""What can go wrong with reports on liability.

Conflict
└── ValueExists      another value of a point begins at that moment

Invalid
└── ReportInvalid    a period that ends before it begins, is too long, or lies ahead
"""

from shared.errors import Conflict, Invalid


class ValueExists(Conflict):
    code = "point_value_exists"
    title = "Another value of a point begins at that moment."


class ReportInvalid(Invalid):
    code = "report_period_invalid"
    title = "The period ends before it begins, or is too long."
