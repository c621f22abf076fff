"""What can go wrong with cards.

NotFound
└── CardNotFound    the member has none yet, or no card has this number
Conflict
└── CardReplaced    the card was replaced by another one
"""

from shared.errors import Conflict, NotFound


class CardNotFound(NotFound):
    code = "card_not_found"
    title = "There is no such card."


class CardReplaced(Conflict):
    code = "card_replaced"
    title = "This card was replaced by another one."
