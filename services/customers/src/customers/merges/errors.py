"""What can go wrong with a merge.

NotFound └── MergeNotFound
Conflict ├── AlreadyOne      both ids stand for one customer
         ├── PreviewOutdated the world changed since the preview
         ├── FamilyTooLarge
         └── MergeUndone     it was undone before
"""

from shared.errors import Conflict, NotFound


class MergeNotFound(NotFound):
    code = "merge_not_found"
    title = "There is no such merge."


class AlreadyOne(Conflict):
    code = "already_one"
    title = "Both ids stand for the same customer."


class PreviewOutdated(Conflict):
    code = "preview_outdated"
    title = "What was previewed is not what the merge would do any more."


class FamilyTooLarge(Conflict):
    code = "family_too_large"
    title = "A customer has at most 1,000 records."


class MergeUndone(Conflict):
    code = "merge_undone"
    title = "This merge was undone before."
