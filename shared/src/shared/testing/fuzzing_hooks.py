"""What schemathesis needs beside its settings, which imports this module: media types that it does not write, and a rarer collector."""

import gc
from typing import Any

import schemathesis

# It makes very many small things that die at once, beside a large document that stays: a tenth of its time went into looking for circles.
gc.set_threshold(50_000, 20, 50)


@schemathesis.serializer("application/x-ndjson", "text/csv")
def lines(_context: Any, value: Any) -> bytes:
    """Return a generated file as it is sent: texts and bytes as they are, anything else as its text."""
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-8", "replace")
