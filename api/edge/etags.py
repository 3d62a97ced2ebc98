"""Answers that a client may keep, and ask again whether they still hold: `ETag` and `If-None-Match` (RFC 9110)."""

from __future__ import annotations

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

_KEPT = ("etag", "cache-control", "vary")
"""What an answer without a body repeats."""


def tagged(request: Request, answer: Response, *, is_private: bool) -> Response:
    """The answer with its tag, or 304 where the client has just that one.

    No cache may give it to anybody without asking again; one of somebody who is signed in, no shared cache may keep.
    """
    tag = f'"{sha256(answer.body).hexdigest()[:32]}"'
    answer.headers["etag"] = tag
    answer.headers["cache-control"] = "private, no-cache" if is_private else "no-cache"
    answer.headers.add_vary_header("Authorization")
    if not _has(request.headers.get("if-none-match", ""), tag):
        return answer
    return Response(status_code=304, headers={name: answer.headers[name] for name in _KEPT})


def _has(header: str, tag: str) -> bool:
    """Whether a client names a tag among those that it has; compressed bytes count as the same."""
    names = {each.strip().removeprefix("W/") for each in header.split(",")}
    return tag in names or "*" in names
