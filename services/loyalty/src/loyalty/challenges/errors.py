"""What can go wrong with challenges.

NotFound
└── ChallengeNotFound     there is no such challenge

Invalid
└── ChallengeInvalid      it would end before it begins, or gives nothing that there is
"""

from shared.errors import Invalid, NotFound


class ChallengeNotFound(NotFound):
    code = "challenge_not_found"
    title = "There is no such challenge."


class ChallengeInvalid(Invalid):
    code = "challenge_invalid"
    title = "The challenge cannot be as it is described."
