"""What can go wrong with figures.

DomainError
└── Invalid
    └── WindowReversed   it ends before it begins
"""

from shared.errors import Invalid


class WindowReversed(Invalid):
    code = "window_reversed"
    title = "The window ends before it begins."
