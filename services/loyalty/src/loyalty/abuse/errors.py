"""What can go wrong when somebody is watched.

TooMany
└── VelocityExceeded      a limit on how often or how much is reached

Conflict
├── MemberFrozen          the member, or somebody whose points he would spend, is frozen
├── MemberAlreadyFrozen   he is frozen already
├── MemberNotFrozen       nobody froze him
└── ReviewDecided         it is approved or rejected already

Invalid
└── VelocityLimitInvalid  the fields of a limit do not go together

NotFound
├── ReviewNotFound        there is no such review
└── VelocityLimitNotFound there is no such limit
"""

from shared.errors import Conflict, Invalid, NotFound, TooMany


class VelocityExceeded(TooMany):
    """Its extra `limit_id` names the limit; `retry_after_seconds` is absent when waiting does not help."""

    code = "velocity_exceeded"
    title = "This is more, or more often, than is allowed."


class MemberFrozen(Conflict):
    code = "member_frozen"
    title = "The member is frozen: nothing can be spent."


class MemberAlreadyFrozen(Conflict):
    code = "member_already_frozen"
    title = "The member is frozen already."


class MemberNotFrozen(Conflict):
    code = "member_not_frozen"
    title = "The member is not frozen."


class ReviewDecided(Conflict):
    code = "review_decided"
    title = "The review is decided already."


class VelocityLimitInvalid(Invalid):
    code = "velocity_limit_invalid"
    title = "The fields of the limit do not go together."


class ReviewNotFound(NotFound):
    code = "review_not_found"
    title = "There is no such review."


class VelocityLimitNotFound(NotFound):
    code = "velocity_limit_not_found"
    title = "There is no such limit."
