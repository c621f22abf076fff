"""The span of a handler, in the trace of the request that caused its events."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.telemetry import current_traceparent

# Does nothing, and costs little, until a process sends its spans somewhere.
_TRACER = trace.get_tracer("shared.messaging")
_PROPAGATOR = TraceContextTextMapPropagator()
# A thousand events of a batch may come from as many requests; a span names the first of them.
_MOST_LINKS = 32


@contextmanager
def handling(event_type: str, traceparents: Sequence[str | None]) -> Iterator[None]:
    """Run a handler in the trace that caused its events, or in one of its own that links to theirs when there are several.

    Args:
        event_type: type of the events.
        traceparents: the W3C trace context of each.

    Source: OpenTelemetry semantic conventions for messaging, spans of batches.
    """
    distinct = dict.fromkeys(traceparents)
    only = traceparents[0] if len(distinct) == 1 else None
    links = [] if only else [Link(context) for context in map(_context_of, islice(filter(None, distinct), _MOST_LINKS)) if context.is_valid]
    parent = _PROPAGATOR.extract({"traceparent": only}) if only else None
    attributes = {"messaging.system": "kafka", "messaging.operation.type": "process", "messaging.batch.message_count": len(traceparents)}
    name = f"process {event_type}"
    with _TRACER.start_as_current_span(name, parent, kind=SpanKind.CONSUMER, links=links, attributes=attributes) as span:
        # What the handler publishes joins the trace; where there are several, it names the cause of each event itself.
        token = current_traceparent.set(_traceparent_of(span.get_span_context(), only) if only else None)
        try:
            yield
        finally:
            current_traceparent.reset(token)


def _context_of(traceparent: str) -> trace.SpanContext:
    return trace.get_current_span(_PROPAGATOR.extract({"traceparent": traceparent})).get_span_context()


def _traceparent_of(context: trace.SpanContext, received: str) -> str:
    """The handler's own span, or what was received when spans go nowhere."""
    own = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return own if context.is_valid else received
