"""What one API process counts of its own work; `/metrics` shows it.

No label holds what a stranger chose: no name of an operation, no path that is not ours, no text of an error.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

OWN = CollectorRegistry(auto_describe=True)
"""Everything that a process counts."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
POINTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
ADDRESSES = frozenset({"/", "/graphql", "/oauth/token", "/healthz", "/readyz", "/metrics"})
FILES = "/files/{job}"
ELSEWHERE = "other"

REQUESTS = Counter(
    "touchline_http_requests", "HTTP requests answered, by address and status.", ("address", "status"), registry=OWN
)
REQUEST_SECONDS = Histogram(
    "touchline_http_request_seconds",
    "From the head of an HTTP request to the end of its answer, without streams.",
    ("address",),
    buckets=SECONDS,
    registry=OWN,
)
OPERATIONS = Counter(
    "touchline_operations",
    "GraphQL operations by kind (query, mutation, subscription, unknown) and outcome: OK, or the code of the first "
    "error. A subscription counts when it begins.",
    ("kind", "outcome"),
    registry=OWN,
)
OPERATION_SECONDS = Histogram(
    "touchline_operation_seconds",
    "From a parsed request to its result, queries and mutations.",
    ("kind",),
    buckets=SECONDS,
    registry=OWN,
)
OPERATION_COST = Histogram(
    "touchline_operation_cost_points",
    "What operations cost, whether they were let in or not.",
    ("kind",),
    buckets=POINTS,
    registry=OWN,
)
REFUSALS = Counter(
    "touchline_refusals", "Requests and operations that were refused, not executed, by code.", ("code",), registry=OWN
)
MASKED = Counter("touchline_masked_errors", "Errors that nobody expected; the log has each by its id.", registry=OWN)
SOCKETS = Gauge("touchline_sockets", "WebSockets that are open.", registry=OWN)
SUBSCRIBERS = Gauge("touchline_subscribers", "Subscriptions that run, by field.", ("field",), registry=OWN)
EVENTS = Counter("touchline_events_sent", "Messages of subscriptions, by field.", ("field",), registry=OWN)
EVENT_LAG = Histogram(
    "touchline_event_lag_seconds",
    "From the recording of the oldest price change in a live message until the message was handed over. Machine time "
    "of two machines where the worker runs on another one.",
    buckets=SECONDS,
    registry=OWN,
)
ProcessCollector(registry=OWN)


def address_of(path: str) -> str:
    """The label of a request's path."""
    if path in ADDRESSES:
        return path
    return FILES if path.startswith("/files/") else ELSEWHERE


def own_names() -> list[str]:
    """The names of what a process counts as `/metrics` writes them, a histogram's without its endings."""
    ours = [family for family in OWN.collect() if family.name.startswith("touchline_")]
    return [f"{family.name}_total" if family.type == "counter" else family.name for family in ours]
