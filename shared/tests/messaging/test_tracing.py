"""A handler's span belongs to the trace of the request that caused its events."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.messaging import tracing
from shared.messaging.tracing import handling
from shared.telemetry import current_traceparent

_ONE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_OTHER = "00-1bf7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("test"))
    return exporter


def test_events_of_one_request_continue_its_trace(spans: InMemorySpanExporter) -> None:
    with handling("regulars.customers.order_placed.v1", [_ONE, _ONE]):
        inside = current_traceparent.get()
    (span,) = spans.get_finished_spans()
    own = span.get_span_context()
    assert own is not None
    assert own.trace_id == int("0af7651916cd43dd8448eb211c80319c", 16)
    assert span.parent is not None
    assert span.parent.span_id == int("b7ad6b7169203331", 16)
    assert inside == f"00-0af7651916cd43dd8448eb211c80319c-{own.span_id:016x}-01"
    assert current_traceparent.get() is None


def test_events_of_several_requests_are_linked(spans: InMemorySpanExporter) -> None:
    with handling("regulars.customers.order_placed.v1", [_ONE, None, _OTHER, _ONE]):
        assert current_traceparent.get() is None
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert [f"{link.context.span_id:016x}" for link in span.links] == ["b7ad6b7169203331", "c7ad6b7169203331"]


def test_without_a_collector_the_trace_is_passed_on() -> None:
    with handling("regulars.customers.order_placed.v1", [_ONE]):
        assert current_traceparent.get() == _ONE


@pytest.mark.parametrize("broken", ["", "00-xyz-1-01", "0" * 500])
def test_a_broken_trace_disturbs_no_handler(spans: InMemorySpanExporter, broken: str) -> None:
    with handling("regulars.customers.order_placed.v1", [broken, _ONE]):
        pass
    assert len(spans.get_finished_spans()) == 1
