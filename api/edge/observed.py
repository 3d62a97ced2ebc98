"""What is written down of every GraphQL operation: its kind, outcome, cost and time, and where asked for a span."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from graphql import (
    EnumValueNode,
    GraphQLError,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types.graphql import OperationType

from api.edge import meters

if TYPE_CHECKING:
    from strawberry.types import ExecutionContext

    from api.context import Context

OPERATIONS = Path(__file__).parents[1] / "web" / "operations.graphql"
"""The saved operations."""
UNKNOWN = "unknown"
OK = "OK"
SHAPES = 256
"""Documents whose shape is remembered."""


class Observed(SchemaExtension):
    """Counts every operation of this process; the first of the extensions, so that it sees what the others made."""

    def __init__(self) -> None:
        super().__init__()
        self._is_executed = False
        self._began = time.perf_counter()

    def on_operation(self) -> Iterator[None]:
        self._began = time.perf_counter()
        try:
            yield
        finally:
            kind = self._kind()
            if not (self._is_executed and kind == OperationType.SUBSCRIPTION.value):
                self._count(kind, self._outcome())
                meters.OPERATION_SECONDS.labels(kind).observe(time.perf_counter() - self._began)
            if (cost := getattr(self.execution_context.context, "cost", None)) is not None:
                meters.OPERATION_COST.labels(kind).observe(cost.points)

    def on_execute(self) -> Iterator[None]:
        self._is_executed = True
        kind = self._kind()
        context: Context = self.execution_context.context
        if kind == OperationType.SUBSCRIPTION.value:
            self._count(kind, OK)
        if (tracing := context.loads.tracing) is None:
            yield
            return
        with tracing.span(kind, _described(kind, self.execution_context, context)) as span:
            yield
            span.set_attribute("touchline.statements", context.db.statements)

    def _count(self, kind: str, outcome: str) -> None:
        meters.OPERATIONS.labels(kind, outcome).inc()
        if not self._is_executed:
            meters.REFUSALS.labels(outcome).inc()

    def _kind(self) -> str:
        """`query`, `mutation` or `subscription`; unknown where the document or the operation's name is no good."""
        if self.execution_context.graphql_document is None:
            return UNKNOWN
        try:
            return self.execution_context.operation_type.value
        except (RuntimeError, GraphQLError, CannotGetOperationTypeError):
            return UNKNOWN

    def _outcome(self) -> str:
        errors = getattr(self.execution_context.result, "errors", None) or self.execution_context.pre_execution_errors
        return str((errors[0].extensions or {}).get("code", UNKNOWN)) if errors else OK


def _described(kind: str, execution: ExecutionContext, context: Context) -> dict[str, str]:
    """What a span says of an operation: never a variable, and a name only where it is one of the deployment's own."""
    told = {"graphql.operation.type": kind, "graphql.document.shape": shape_of(execution.query or "")}
    name = execution.operation_name
    if name is not None and name in known_names(context.doors.settings.trusted_documents):
        told["graphql.operation.name"] = name
    return told


@lru_cache(maxsize=SHAPES)
def shape_of(query: str) -> str:
    """The same 16 hexadecimal digits for documents that differ in their values alone."""
    return sha256(print_ast(visit(parse(query, no_location=True), _WithoutValues())).encode()).hexdigest()[:16]


class _WithoutValues(Visitor):
    """Every value that is no variable becomes the same one."""

    def enter(self, node: Any, *_: Any) -> Any:
        if isinstance(node, ValueNode) and not isinstance(node, VariableNode):
            return EnumValueNode(value="_")
        return None


@cache
def known_names(trusted: Path | None) -> frozenset[str]:
    """Names of the saved operations, and of those that the deployment trusts."""
    texts = [OPERATIONS.read_text()]
    if trusted is not None:
        texts.extend(orjson.loads(trusted.read_bytes()).values())
    nodes = [node for text in texts for node in parse(text, no_location=True).definitions]
    return frozenset(node.name.value for node in nodes if isinstance(node, OperationDefinitionNode) and node.name)
