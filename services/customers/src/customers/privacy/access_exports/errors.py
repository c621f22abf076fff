"""What can go wrong with access exports.

NotFound ├── AccessExportNotFound
         └── AccessExportExpired
Conflict └── AccessExportIncomplete
"""

from shared.errors import Conflict, NotFound


class AccessExportNotFound(NotFound):
    code = "access_export_not_found"
    title = "There is no such access export."


class AccessExportExpired(NotFound):
    code = "access_export_expired"
    title = "The archive of this access export is deleted; ask for a new one."


class AccessExportIncomplete(Conflict):
    code = "access_export_incomplete"
    title = "Some services have not answered yet."
