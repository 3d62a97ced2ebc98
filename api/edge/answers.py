"""What became of an operation, as it is sent: no `data` where nothing was executed, and the status that says so."""

from __future__ import annotations

from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response
from strawberry.http import process_result
from strawberry.types import ExecutionResult

from api.context import Context
from api.edge.negotiation import content_type, refused_status
from api.edge.refusals import RATE_LIMITED
from api.errors import INTERNAL, shown

_STATUS = {RATE_LIMITED: 429, INTERNAL: 500}
"""Codes of operations that were not executed for a reason of their own, whatever the media type."""


def formatted(result: ExecutionResult) -> dict[str, Any]:
    """A result as clients read it."""
    found: dict[str, Any] = {**process_result(result)}
    if was_refused(result):
        del found["data"]
    return found


def was_refused(result: ExecutionResult) -> bool:
    """Whether nothing was executed: what fails in execution says where."""
    return result.data is None and bool(result.errors) and not any(error.path for error in result.errors or ())


def answered(result: ExecutionResult, media_type: str, context: Context) -> Response:
    """A result as one answer, with the headers that were set while it came about."""
    status, more = 200, dict[str, str]()
    if was_refused(result):
        status, more = _refused(result, media_type)
    answer = Response(orjson.dumps(formatted(result)), status, {"content-type": content_type(media_type), **more})
    if context.response is not None:
        answer.headers.raw.extend(context.response.raw_headers)
    answer.headers.add_vary_header("Accept")
    return answer


def unexpected(error: Exception) -> ExecutionResult:
    """The result of what nobody expected outside of an operation; it is logged under the id that it names."""
    return ExecutionResult(None, [shown(GraphQLError(str(error), original_error=error), INTERNAL)])


def _refused(result: ExecutionResult, media_type: str) -> tuple[int, dict[str, str]]:
    extensions = next(iter(result.errors or ())).extensions or {}
    status = _STATUS.get(extensions.get("code", ""), refused_status(media_type))
    wait = extensions.get("retryAfterSeconds")
    return status, {"cache-control": "no-store", **({"retry-after": str(wait)} if wait else {})}
