"""In which form a client wants its answer: what its `Accept` header allows, and what it likes best.

Two media types carry one JSON answer. `application/graphql-response+json` has the status code of what became of the
request: 400 where nothing was executed. `application/json` keeps 200 for every well-formed request, as clients of old
expect. Two more carry a stream. (GraphQL over HTTP, section "Media types".)
"""

from __future__ import annotations

from collections.abc import Iterator

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
SSE = "text/event-stream"
MULTIPART = "multipart/mixed"
_WILD = ("application/*", "*/*")


def answer_type(accept: str | None) -> str | None:
    """The media type of an answer that is not a stream; None where the client accepts no JSON at all.

    A client that says nothing, or takes anything, gets `application/json`; one that names both equally gets
    `application/graphql-response+json`.
    """
    if not (accept and accept.strip()):
        return JSON
    ranges = _qualities(accept)
    best: str | None = None
    best_rank = (0.0, 0)
    for media_type in (GRAPHQL_JSON, JSON):
        rank = _rank(media_type, ranges)
        is_better = rank > best_rank or (rank == best_rank and not rank[1])  # by a wildcard alone: the old one
        if rank[0] > 0 and is_better:
            best, best_rank = media_type, rank
    return best


def is_named(accept: str | None) -> bool:
    """Whether a client names one of the two kinds of JSON: a browser does so for a script only, never for a link."""
    return any(media_type in {JSON, GRAPHQL_JSON} for media_type, _ in _ranges(accept or ""))


def stream_type(accept: str | None) -> str | None:
    """The media type of a stream that the client names: SSE, or MULTIPART of Apollo's protocol for subscriptions."""
    for media_type, parameters in _ranges(accept or ""):
        if _quality(parameters) <= 0:
            continue
        if media_type == SSE:
            return SSE
        if media_type == MULTIPART and parameters.get("subscriptionspec", "").startswith("1."):
            return MULTIPART
    return None


def refused_status(media_type: str) -> int:
    """The status of a well-formed request that was not executed, in an answer of a media type."""
    return 400 if media_type == GRAPHQL_JSON else 200


def content_type(media_type: str) -> str:
    """The header of an answer: JSON and streams here are always UTF-8, and say so."""
    return f"{media_type}; charset=utf-8"


def media_type_of(content_type: str | None) -> tuple[str, dict[str, str]]:
    """The media type of a `Content-Type` header, in lower case, and its parameters; "" where there is none."""
    return next(_ranges((content_type or "").partition(",")[0]), ("", {}))


def _rank(media_type: str, ranges: dict[str, float]) -> tuple[float, int]:
    """How much it is wanted, and whether by its own name: the most specific range that covers it counts."""
    if media_type in ranges:
        return ranges[media_type], 1
    return next((ranges[wild] for wild in _WILD if wild in ranges), 0.0), 0


def _qualities(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for media_type, parameters in _ranges(accept):
        found[media_type] = max(_quality(parameters), found.get(media_type, 0.0))
    return found


def _ranges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    for part in header.split(","):
        name, *rest = part.split(";")
        if name := name.strip().lower():
            pairs = (each.partition("=") for each in rest)
            yield name, {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}


def _quality(parameters: dict[str, str]) -> float:
    """`q` of a range, 1 where it has none; what is no number from 0 to 1 wants nothing."""
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
