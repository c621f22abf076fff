"""Log lines name nobody, and a trace goes on as it came."""

import io
import json
import logging
from contextlib import redirect_stderr

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry import PERSONAL_KEYS, configure_logging, continue_trace, redact

_SECRET = "anna.berzina@example.com"


@given(st.sampled_from(sorted(PERSONAL_KEYS)), st.integers(0, 4))
def test_personal_keys_are_redacted_at_every_depth(key: str, depth: int) -> None:
    value: object = {key: _SECRET, "count": 1}
    for level in range(depth):
        value = {"inner": value} if level % 2 else {"list": [value]}
    assert _SECRET not in repr(redact(None, "", {"event": "told", "more": value}))


@pytest.fixture
def log():
    """What is written while the test runs, with the logging of a service."""
    before = logging.getLogger().handlers, logging.getLogger().level
    written = io.StringIO()
    with redirect_stderr(written):
        configure_logging("customers", readable=False)
        yield written
    structlog.reset_defaults()
    logging.getLogger().handlers, logging.getLogger().level = before


def test_a_log_line_names_nobody(log: io.StringIO) -> None:
    structlog.get_logger("test").warning("a customer was refused", email=_SECRET, customer={"name": "Anna", "id": "cus_1"})
    line = json.loads(log.getvalue())
    assert (line["email"], line["customer"]) == ("[redacted]", {"name": "[redacted]", "id": "cus_1"})
    assert (line["service"], line["event"], line["level"]) == ("customers", "a customer was refused", "warning")


def test_an_error_is_told_without_its_message(log: io.StringIO) -> None:
    try:
        int(_SECRET)
    except ValueError:
        structlog.get_logger("test").exception("it failed")
        logging.getLogger("library").exception("it failed, too")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["error"] for line in lines] == ["ValueError", "ValueError"]
    assert all("test_an_error_is_told" in line["raised_at"][-1] for line in lines)
    assert _SECRET not in log.getvalue()


def test_a_trace_goes_on_with_a_span_of_our_own() -> None:
    received = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ours = continue_trace(received)
    assert ours.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert ours != received


@pytest.mark.parametrize("received", [None, "", "garbage", f"00-{'0' * 32}-b7ad6b7169203331-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01"])
def test_an_invalid_trace_begins_anew(received: str | None) -> None:
    version, trace_id, span_id, flags = continue_trace(received).split("-")
    assert (version, len(trace_id), len(span_id), flags) == ("00", 32, 16, "01")
