"""What can go wrong with the accumulating discount.

NotFound
└── NoDiscountScale   the programme has none
"""

from shared.errors import NotFound


class NoDiscountScale(NotFound):
    code = "no_discount_scale"
    title = "The programme has no accumulating discount."
