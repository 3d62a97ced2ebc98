"""What clients learn of a failure: a code, the argument at fault, or only an id that the log explains."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from typing import Any

import asyncpg
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from api.edge import meters
from domain.infra.errors import BadCredentials, Invalid, NotFound, SignInRequired, TouchlineError

log = logging.getLogger("touchline.api")

BAD_USER_INPUT = "BAD_USER_INPUT"
NOT_FOUND = "NOT_FOUND"
UNAUTHENTICATED = "UNAUTHENTICATED"
INTERNAL = "INTERNAL"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What reading raises while PostgreSQL is away."""


NO_TEXT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
"""What PostgreSQL says of U+0000: GraphQL allows it in a text, and no text of a database can hold it."""


class ShownErrors(SchemaExtension):
    """Gives every error a code; what nobody expected becomes an id, and the log has the rest."""

    def __init__(self) -> None:
        super().__init__()
        self._code = PARSE_FAILED

    def on_validate(self) -> Iterator[None]:
        self._code = VALIDATION_FAILED
        yield
        if not self.execution_context.pre_execution_errors:
            self._code = BAD_USER_INPUT  # what is still refused as a whole is a variable

    def on_operation(self) -> Iterator[None]:
        yield
        self._show(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        self._show(result)
        yield

    def _show(self, result: Any) -> None:
        if getattr(result, "errors", None):
            result.errors = [shown(error, self._code) for error in result.errors]


def shown(error: GraphQLError, code: str) -> GraphQLError:
    """The error as a client sees it; `code` is for one that GraphQL itself found before any field was resolved."""
    if "code" in (error.extensions or {}):
        return error
    cause = _cause(error)
    if isinstance(cause, GraphQLError):
        return _coded(error, error.message, {"code": BAD_USER_INPUT if error.path else code})
    if isinstance(cause, Invalid):
        return _coded(error, str(cause), {"code": BAD_USER_INPUT, "argument": cause.field})
    if isinstance(cause, TouchlineError):
        return _coded(error, str(cause), {"code": _code_of(cause)})
    if _is_no_text(cause):
        return _coded(error, "A text holds the character U+0000; leave it out.", {"code": BAD_USER_INPUT})
    return _masked(error, cause)


def masked(error: GraphQLError) -> GraphQLError:
    """The error as a client sees it where something else than GraphQL raised it; any other one as it is."""
    return error if isinstance(_cause(error), GraphQLError) else shown(error, INTERNAL)


def _code_of(cause: TouchlineError) -> str:
    if isinstance(cause, NotFound):
        return NOT_FOUND
    return UNAUTHENTICATED if isinstance(cause, SignInRequired | BadCredentials) else BAD_USER_INPUT


def _cause(error: GraphQLError) -> Exception:
    """What was raised in the first place; the error itself where GraphQL raised it."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _is_no_text(error: BaseException | None) -> bool:
    """Whether a text could not be stored or looked for, also where SQLAlchemy tells it."""
    while error is not None and not isinstance(error, NO_TEXT):
        error = error.__cause__
    return error is not None


def _masked(error: GraphQLError, cause: Exception) -> GraphQLError:
    name = secrets.token_hex(6)
    meters.MASKED.inc()
    log.error("error %s at %s", name, ".".join(map(str, error.path or ())), exc_info=cause)
    message = f"Something went wrong here; the log explains it under {name}."
    return _coded(error, message, {"code": INTERNAL, "id": name})


def _coded(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
