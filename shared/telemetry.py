"""Logs, metrics and the trace that runs through requests and events."""

import logging
import re
import secrets
import sys
from contextvars import ContextVar
from typing import TextIO

import orjson
import structlog
from prometheus_client import Counter, Gauge, Histogram

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)

log: structlog.stdlib.BoundLogger = structlog.get_logger("account")

REQUESTS = Histogram(
    "http_request_seconds",
    "Time to answer a request",
    ["service", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REFUSED_AFTER = Histogram(
    "revocation_refused_seconds",
    "From the commit of a change until nothing older is accepted anywhere",
    ["cause"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
)
ENDED_AFTER = Histogram(
    "revocation_completed_seconds",
    "From the commit of a change until the last session record is ended",
    ["cause"],
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
OUTBOX_AGE = Gauge(
    "outbox_oldest_seconds", "Age of the oldest event not yet published", ["service"]
)
EVENTS_HANDLED = Counter("events_handled_total", "Events by outcome", ["queue", "outcome"])
CANARY_AGE = Gauge("canary_age_seconds", "Since a message last travelled a queue", ["queue"])
PARKED = Gauge("events_parked", "Events given up on that nobody has replayed", ["service"])


_TRACEPARENT = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def new_traceparent() -> str:
    """Return a fresh W3C trace context."""
    drawn = secrets.token_hex(24)
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def continue_trace(parent: str | None) -> str:
    """Adopt a caller's trace context where it is well-formed, or begin one."""
    adopted = parent if parent and _TRACEPARENT.fullmatch(parent) else new_traceparent()
    traceparent.set(adopted)
    return adopted


def _with_context(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if rid := request_id.get():
        event["request_id"] = rid
    if trace := traceparent.get():
        event["trace_id"] = trace.split("-")[1]
    return event


def configure_logging(service: str, output: TextIO | None = None) -> None:
    """Write one JSON document per line, to standard output as a rule, libraries' warnings too."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_context,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = structlog.processors.JSONRenderer(
        serializer=lambda v, **_: orjson.dumps(v, default=str).decode()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(output or sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("account").setLevel(logging.INFO)
    structlog.contextvars.bind_contextvars(service=service)
