"""What traces and reports are sent to: small HTTP servers that speak OTLP and Sentry's protocol, byte for byte."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

PROJECT = "/api/7/envelope/"


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was received."""

    name: str
    trace: str
    id: str
    parent: str
    service: str
    attributes: dict[str, Any]
    is_failed: bool
    links: tuple[tuple[str, str], ...]
    """Trace and id of the spans that it names as its cause."""


@dataclass
class Collector:
    """What was received so far."""

    port: int = 0
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    """Path and decompressed body of every request."""

    @property
    def otlp(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        return f"http://planted@127.0.0.1:{self.port}/7"

    @property
    def spans(self) -> list[Span]:
        return [span for path, body in self.bodies if path == "/v1/traces" for span in _spans(body)]

    def span(self, name: str) -> Span:
        """The only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """Sentry's events: lines of JSON, a header before each."""
        return [json.loads(body.split(b"\n")[2]) for path, body in self.bodies if path == PROJECT]

    @property
    def text(self) -> str:
        """Everything that was received, to look for what must not be there."""
        return "".join(body.decode(errors="replace") for _, body in self.bodies)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a port of this machine."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.bodies.append((self.path, _plain(body, self.headers.get("content-encoding"))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _plain(body: bytes, encoding: str | None) -> bytes:
    if encoding == "br":  # Sentry's choice where the package is installed
        plain: bytes = import_module("brotli").decompress(body)
        return plain
    return gzip.decompress(body) if encoding == "gzip" else body


def _spans(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _values(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    service,
                    _values(span.attributes),
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each) for each in attributes}


def _value(attribute: KeyValue) -> Any:
    kind = attribute.value.WhichOneof("value")
    return None if kind is None else getattr(attribute.value, kind)
