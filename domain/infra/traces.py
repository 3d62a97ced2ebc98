"""Spans by OpenTelemetry. Imported only where the settings name a collector, see `domain.infra.telemetry`.

A span tells what was done and how long it took, never with what: no variables, no tokens, no text of a statement and
no message of an error.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode, get_current_span
from opentelemetry.trace import Span as AnySpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from domain.infra.logs import bound

EXPORT_WITHIN = 3.0
"""Seconds that a collector has to take spans."""
HIDDEN = "[hidden]"
_PROPAGATOR = TraceContextTextMapPropagator()


class _Hidden(SpanProcessor):
    """Hides what addresses carry: variables of a query, signatures of files."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - its signature
        if "url.query" in (span.attributes or {}):
            span.set_attribute("url.query", HIDDEN)


class Tracing:
    """The spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self._tracer = provider.get_tracer("touchline")

    @classmethod
    def to(cls, endpoint: str, process: str) -> Tracing:
        """Spans that go to a collector by OTLP over HTTP, for example to `http://collector:4318`."""
        resource = Resource.create({"service.name": f"touchline-{process}", "service.version": version("touchline")})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(_Hidden())
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_WITHIN)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, AttributeValue] | None = None) -> Iterator[AnySpan]:
        """A span around a block, under the present one."""
        with self._begun(name, attributes=attributes) as span:
            yield span

    @contextmanager
    def job(
        self, name: str, attributes: Mapping[str, AttributeValue] | None = None, traceparent: str | None = None
    ) -> Iterator[AnySpan]:
        """A span around a job. It begins a trace, with a link to the span that made the job necessary, written as W3C
        Trace Context does: a job may ask for others without an end, and a trace has one."""
        known = get_current_span(_PROPAGATOR.extract({"traceparent": traceparent or ""}, Context())).get_span_context()
        links = [Link(known)] if known.is_valid else []
        with self._begun(name, context=Context(), kind=SpanKind.CONSUMER, attributes=attributes, links=links) as span:
            yield span

    @contextmanager
    def _begun(self, name: str, **given: Any) -> Iterator[AnySpan]:
        with self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False, **given
        ) as span:
            carrier: dict[str, str] = {}
            _PROPAGATOR.inject(carrier)
            try:
                with bound(traceparent=carrier.get("traceparent")):
                    yield span
            except Exception as error:
                fail(span, type(error).__name__)
                raise

    def close(self) -> None:
        """Send what is left, if the collector takes it in time."""
        sending = threading.Thread(target=self.provider.shutdown, daemon=True)
        sending.start()
        sending.join(EXPORT_WITHIN)


def fail(span: AnySpan, reason: str) -> None:
    """Mark a span as that of a failure; `reason` is a code or the name of an exception's class."""
    span.set_attribute("error.type", reason)
    span.set_status(StatusCode.ERROR)
