"""Errors outside the execution of an operation: the body that every client of GraphQL reads, and no `data` in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql.language import FormattedSourceLocation
from starlette.responses import Response

from api.edge import meters
from api.edge.negotiation import JSON, content_type, refused_status

PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
CSRF_BLOCKED = "CSRF_BLOCKED"
NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
RATE_LIMITED = "RATE_LIMITED"
QUERY_TOO_COSTLY = "QUERY_TOO_COSTLY"


class Refused(Exception):
    """A request of which nothing is executed.

    `status` None is that of a well-formed request, see `refused_status`; `extensions` are those beside the code.
    """

    def __init__(
        self,
        status: int | None,
        message: str,
        code: str,
        *,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
        locations: Sequence[FormattedSourceLocation] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.formatted: dict[str, Any] = {"message": message, "extensions": {"code": code, **(extensions or {})}}
        """The error as a client sees it."""
        if locations:
            self.formatted["locations"] = list(locations)

    def answer(self, media_type: str = JSON) -> Response:
        """The whole answer over HTTP, counted."""
        meters.REFUSALS.labels(self.code).inc()
        status = refused_status(media_type) if self.status is None else self.status
        headers = {"content-type": content_type(media_type), "vary": "Accept", "cache-control": "no-store"}
        return Response(orjson.dumps({"errors": [self.formatted]}), status, {**headers, **self.headers})
