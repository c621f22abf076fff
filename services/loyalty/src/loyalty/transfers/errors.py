"""What can go wrong with transfers.

Conflict
└── TransferToOneself   giver and receiver are one person
"""

from shared.errors import Conflict


class TransferToOneself(Conflict):
    code = "transfer_to_oneself"
    title = "Giver and receiver are the same person."
