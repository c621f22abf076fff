"""What can go wrong with a note.

NotFound └── NoteNotFound
"""

from shared.errors import NotFound


class NoteNotFound(NotFound):
    code = "note_not_found"
    title = "There is no such note on this customer."
