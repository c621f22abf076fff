"""Media types that schemathesis does not write by itself; it imports this module."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson", "text/csv")
def lines(_context: Any, value: Any) -> bytes:
    """Return a generated file as it is sent: texts and bytes as they are, anything else as its text."""
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-8", "replace")
