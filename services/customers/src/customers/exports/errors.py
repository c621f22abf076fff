"""What can go wrong with an export.

NotFound  ├── ExportNotFound
          └── ExportFileGone       its time is over
Conflict  └── ExportNotFinished
Forbidden └── ExportInTheClear     it holds contact data that the caller may not see
Invalid   └── ExportFieldUnknown
"""

from shared.errors import Conflict, Forbidden, Invalid, NotFound


class ExportNotFound(NotFound):
    code = "export_not_found"
    title = "There is no such export."


class ExportFileGone(NotFound):
    code = "export_file_gone"
    title = "The file has been deleted."


class ExportNotFinished(Conflict):
    code = "export_not_finished"
    title = "The file is not complete, or could not be made."


class ExportInTheClear(Forbidden):
    code = "export_in_the_clear"
    title = "The file holds contact data, which the key or token may not see."


class ExportFieldUnknown(Invalid):
    code = "export_field_unknown"
    title = "Customers have no such field."
