"""What can go wrong with programmes.

NotFound
└── ProgrammeNotFound   there is no such programme
"""

from shared.errors import NotFound


class ProgrammeNotFound(NotFound):
    code = "programme_not_found"
    title = "There is no such programme."
