"""Logs, traces and metrics: how a process tells what it does, without telling about people."""

import logging
import os
import re
import sys
from collections.abc import MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

import structlog
from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

# The W3C trace context of what runs now; the unit of work stores it beside each event.
current_traceparent: ContextVar[str | None] = ContextVar("current_traceparent", default=None)

_TRACEPARENT = re.compile(r"^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$")
_SAMPLED = "01"

# Keys whose values can tell who somebody is; a log line never carries them.
_PERSONAL = (
    "name first_name last_name email phone address street city postcode birth_date sex comment text body payload attributes "
    "query authorization token key secret password cookie ip client_ip external_id input value args parameters"
)
PERSONAL_KEYS = frozenset(_PERSONAL.split())
_REDACTED = "[redacted]"

# Seconds; finer where answers should lie.
DURATION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Metric = TypeVar("Metric", bound=MetricWrapperBase)


def new_traceparent() -> str:
    """Return a W3C `traceparent` that starts a trace."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-{_SAMPLED}"


def continue_trace(received: str | None) -> str:
    """Return the `traceparent` of our own span within a received trace, or of a new trace when there is no valid one.

    Source: W3C Trace Context, section 3.2.
    """
    matched = _TRACEPARENT.match(received) if received else None
    if matched is None:
        return new_traceparent()
    return f"00-{matched[1]}-{os.urandom(8).hex()}-{matched[2]}"


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of personal keys, at every depth; a structlog processor."""
    for name, value in event.items():
        # `event` is the sentence of the log line, written by us.
        if name in PERSONAL_KEYS:
            event[name] = _REDACTED
        elif isinstance(value, MutableMapping):
            redact(None, "", value)
        elif isinstance(value, list | tuple):
            for item in value:
                if isinstance(item, MutableMapping):
                    redact(None, "", item)
    return event


def configure_logging(service: str, *, level: str = "info", readable: bool | None = None) -> None:
    """Set structlog and the standard library's logging up for a process.

    Args:
        service: is on every line.
        level: least severe line that is written.
        readable: coloured lines for people instead of JSON; by default when standard error is a terminal.
    """
    as_text = sys.stderr.isatty() if readable is None else readable
    shared: Sequence[Any] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_service(service),
        _exception_without_message,
        redact,
    )
    renderer = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer()
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    processors = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=processors))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    # Libraries tell of single messages and requests, with their content, at these levels.
    for chatty in ("aiokafka", "uvicorn.access", "httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _with_service(service: str) -> Any:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        return event

    return add


def _exception_without_message(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace `exc_info` by the error's class and the lines it passed: messages of libraries hold values."""
    info = event.pop("exc_info", None)
    if not info:
        return event
    error = info if isinstance(info, BaseException) else (info[1] if isinstance(info, tuple) else sys.exc_info()[1])
    if error is not None:
        event["error"] = type(error).__name__
        event["raised_at"] = where(error)
    return event


def where(error: BaseException, *, frames: int = 8) -> list[str]:
    """Return the innermost places that an error passed, as `file:line function`, without any value."""
    places = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{'/'.join(code.co_filename.split('/')[-3:])}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places[-frames:]


def configure_tracing(service: str, otlp_endpoint: str | None) -> None:
    """Send spans to a collector; without an endpoint nothing is set up, and `traceparent` is still passed on."""
    if otlp_endpoint is None:
        return
    # Imported here: they double the time that a process takes to start.
    from opentelemetry import trace  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"regulars-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)


def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
    """Return the counter of this name, made at the first call."""
    return _metric(Counter, name, documentation, labels)


def gauge(name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
    """Return the gauge of this name, made at the first call."""
    return _metric(Gauge, name, documentation, labels)


def histogram(name: str, documentation: str, labels: Sequence[str] = (), buckets: Sequence[float] = DURATION_BUCKETS) -> Histogram:
    """Return the histogram of this name, made at the first call; the unit is in its name."""
    return _metric(Histogram, name, documentation, labels, buckets=tuple(buckets))


_METRICS: dict[str, Any] = {}


def _metric(kind: type[Metric], name: str, documentation: str, labels: Sequence[str], **more: Any) -> Metric:
    if name not in _METRICS:
        _METRICS[name] = kind(name, documentation, tuple(labels), registry=REGISTRY, **more)
    return _METRICS[name]
