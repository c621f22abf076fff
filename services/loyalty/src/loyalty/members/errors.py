"""What can go wrong with members.

NotFound
└── MemberNotFound   nobody was heard of under this customer id
"""

from shared.errors import NotFound


class MemberNotFound(NotFound):
    code = "member_not_found"
    title = "There is no such member."
