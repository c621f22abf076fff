"""What can go wrong with duplicates.

NotFound └── DuplicateNotFound
Conflict ├── DuplicateDecided
         └── DuplicateOfItself
"""

from shared.errors import Conflict, NotFound


class DuplicateNotFound(NotFound):
    code = "duplicate_not_found"
    title = "There is no such pair of customers."


class DuplicateDecided(Conflict):
    code = "duplicate_decided"
    title = "It was decided otherwise before."


class DuplicateOfItself(Conflict):
    code = "duplicate_of_itself"
    title = "Both ids stand for the same customer."
