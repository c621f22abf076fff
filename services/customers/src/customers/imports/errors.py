"""What can go wrong with an import.

NotFound   └── ImportNotFound
Conflict   ├── ImportNotPreviewed     only a finished dry run can be applied
           ├── ImportNotRunning       it has ended already
           ├── ImportNotFinished      only what has ended can be undone
           ├── ImportAlreadyUndone
           └── ImportFileGone         the file has outlived its time
Invalid    ├── FileEmpty
           ├── FormatUnknown          the file is neither CSV nor NDJSON
           ├── EncodingUnknown        the file is not text in the stated encoding
           ├── HeaderRefused          a column without a name, or two with one
           ├── ColumnUnknown          the mapping names a column that the file has not
           ├── FieldUnknown           the mapping names a field that customers have not
           ├── NothingMapped          no column leads to a field
           ├── MatchRefused           customers are not identified by what rows shall be matched by
           ├── MatchUnmapped          no column leads to an identity that rows are matched by
           └── UploadMalformed        the multipart body is broken or lacks its file
"""

from shared.errors import Conflict, Invalid, NotFound


class ImportNotFound(NotFound):
    code = "import_not_found"
    title = "There is no such import."


class ImportNotPreviewed(Conflict):
    code = "import_not_previewed"
    title = "Only a finished dry run can be applied."


class ImportNotRunning(Conflict):
    code = "import_not_running"
    title = "The import has ended already."


class ImportNotFinished(Conflict):
    code = "import_not_finished"
    title = "Only an import that has ended and has written something can be undone."


class ImportAlreadyUndone(Conflict):
    code = "import_already_undone"
    title = "The import is undone already."


class ImportFileGone(Conflict):
    code = "import_file_gone"
    title = "The file has been deleted; send it again."


class FileEmpty(Invalid):
    code = "file_empty"
    title = "The file holds no rows."


class FormatUnknown(Invalid):
    code = "format_unknown"
    title = "Say whether the file is csv or ndjson."


class EncodingUnknown(Invalid):
    code = "encoding_unknown"
    title = "The file is not text in this encoding."


class HeaderRefused(Invalid):
    code = "header_refused"
    title = "Each column needs a name of its own in the first row."


class ColumnUnknown(Invalid):
    code = "column_unknown"
    title = "The mapping names a column that the file has not."


class FieldUnknown(Invalid):
    code = "field_unknown"
    title = "The mapping names a field that customers have not."


class NothingMapped(Invalid):
    code = "nothing_mapped"
    title = "No column of the file leads to a field."


class MatchRefused(Invalid):
    code = "match_refused"
    title = "Rows are matched by external_id, email, phone, identities.<kind> or an attribute that is unique."


class MatchUnmapped(Invalid):
    code = "match_unmapped"
    title = "No column leads to an identity that rows are matched by."


class UploadMalformed(Invalid):
    code = "upload_malformed"
    title = "The upload is not well formed or lacks its file."
