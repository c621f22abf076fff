"""What can go wrong with programmes.

NotFound
└── ProgrammeNotFound     there is no such programme

Conflict
├── ProgrammePublished    it is published already
├── ProgrammeNotPublished it is a draft still
├── ProgrammeNotRunning   it has not begun, or it has ended
├── RateExists            a rate begins at that moment already
└── DefaultProgramme      the one that there always is can neither be ended nor left, and looks at no currency

Invalid
└── RunInvalid            it would end before it begins, or have ended already
"""

from shared.errors import Conflict, Invalid, NotFound


class ProgrammeNotFound(NotFound):
    code = "programme_not_found"
    title = "There is no such programme."


class ProgrammePublished(Conflict):
    code = "programme_published"
    title = "The programme is published already."


class ProgrammeNotPublished(Conflict):
    code = "programme_not_published"
    title = "The programme is a draft still."


class ProgrammeNotRunning(Conflict):
    code = "programme_not_running"
    title = "The programme does not run at this moment."


class RateExists(Conflict):
    code = "rate_exists"
    title = "A rate of the programme begins at that moment already."


class DefaultProgramme(Conflict):
    code = "default_programme"
    title = "That cannot be done with the default programme."


class RunInvalid(Invalid):
    code = "run_invalid"
    title = "It would end before it begins, or have ended already."
