"""What every operation passes before anything of it is executed, in this order: its text and its shape, its cost, the
rules of GraphQL, and the points that whoever asks has left.

graphql-core's rules run last because they are slow on what the guard refuses: measured, a document of 4 kB that asks
for one field 370 times takes them 0.7 s, and one of 6 kB with 100 unknown types 1.0 s, all of it for "did you mean".
So they stop at `MOST_ERRORS`, and only a document with few errors is read again for suggestions.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any

from graphql import (
    ASTValidationRule,
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    specified_rules,
    validate,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from api.context import Context
from api.edge.allowance import REFUSED, charge, refused
from api.edge.costs import Cost, Costs, default_values
from api.edge.refusals import QUERY_TOO_COSTLY
from api.edge.shapes import TOKENS, Excess, Limit, check, check_text, check_values, fragments_of, measure
from api.rate_limit import DRY_RUN, NAME
from domain.infra.settings import Settings

MOST_ERRORS = 10
"""Errors of a document that are told."""
MOST_SUGGESTED = 3
"""Errors of a document that are told with suggestions; each may take 10 ms."""
KEPT_TOKENS = 50_000
"""Words and signs of all documents that are kept parsed; a token takes about 600 bytes with what is made of it."""
CHARACTERS_A_TOKEN = 50
"""Characters that need as much room: up to four bytes each, in the text and again in what was read."""
_TOO_MANY_TOKENS = f"Document contains more than {TOKENS.most} tokens."
_SUGGESTION = re.compile(r" Did you mean .*\?")


class TooCostly(GraphQLError):
    """A document or an operation that is larger than it may be."""

    def __init__(self, excess: Excess, cost: Cost | None = None) -> None:
        known = {} if cost is None else {"cost": cost.points}
        self.told = {**excess.told, **known}
        """What its extensions say beside the code."""
        super().__init__(str(excess), extensions={"code": QUERY_TOO_COSTLY, **self.told})


class Document:
    """A document within the limits of `shapes`, and what has been found out about it."""

    __slots__ = ("_errors", "fragments", "node", "shape")

    def __init__(self, node: DocumentNode) -> None:
        """Raises Excess."""
        self.node = node
        self.fragments = fragments_of(node)
        self.shape = measure(node)
        self._errors: dict[tuple[bool, bool], list[GraphQLError]] = {}

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation of a name, or the first one; strawberry has seen that there is one."""
        found = [each for each in self.node.definitions if isinstance(each, OperationDefinitionNode)]
        return next(each for each in found if name is None or (each.name is not None and each.name.value == name))

    def errors(self, schema: GraphQLSchema, *, introspection: bool, suggestions: bool) -> list[GraphQLError]:
        """What the rules of GraphQL have against it, `MOST_ERRORS` at most; there is one schema in a process."""
        known = self._errors.get((introspection, suggestions))
        if known is None:
            known = self._errors[introspection, suggestions] = self._validated(schema, introspection, suggestions)
        return known

    def _validated(self, schema: GraphQLSchema, introspection: bool, suggestions: bool) -> list[GraphQLError]:
        rules: tuple[type[ASTValidationRule], ...] = (*specified_rules, MaybeNullValidationRule)
        if not introspection:
            rules = (*rules, NoSchemaIntrospectionCustomRule)
        if self.shape.is_cyclic:
            rules = (NoFragmentCyclesRule,)  # the others go round in it
        errors = validate(schema, self.node, rules, MOST_ERRORS, hide_suggestions=True)
        if suggestions and 0 < len(errors) <= MOST_SUGGESTED:
            return validate(schema, self.node, rules)
        return errors


class _Kept:
    """Documents that were read lately, by their text; those that were not asked for the longest go first."""

    def __init__(self) -> None:
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._weight = 0

    def find(self, text: str) -> Document | None:
        if (found := self._documents.get(text)) is not None:
            self._documents.move_to_end(text)
        return found

    def keep(self, text: str, document: Document) -> None:
        self._documents[text] = document
        self._weight += _weight(text, document)
        while self._weight > KEPT_TOKENS:
            self._weight -= _weight(*self._documents.popitem(last=False))


def _weight(text: str, document: Document) -> int:
    """Of a document that is kept, in tokens: the characters of comments and spaces need room too."""
    return document.shape.tokens + len(text) // CHARACTERS_A_TOKEN


_kept = _Kept()


def read(text: str) -> Document:
    """The document of a text; raises TooCostly, and GraphQLError for what is no GraphQL."""
    if (found := _kept.find(text)) is not None:
        return found
    try:
        check_text(text)
        document = Document(parse(text, max_tokens=TOKENS.most))
    except Excess as excess:
        raise TooCostly(excess) from None
    except GraphQLError as error:
        if _TOO_MANY_TOKENS in error.message:
            raise TooCostly(Excess(TOKENS, TOKENS.most + 1)) from None
        raise
    _kept.keep(text, document)
    return document


class QueryGuard(SchemaExtension):
    """Lets an operation through, or says why not. Its parser and its validation take the place of strawberry's."""

    def __init__(self, costs: Costs) -> None:
        super().__init__()
        self._costs = costs
        self._document: Document | None = None
        self._dry_run: DocumentNode | None = None
        """What is executed in place of the document."""

    def on_operation(self) -> Iterator[None]:
        yield
        self._hide_suggestions(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        self._hide_suggestions(result)
        yield

    def on_parse(self) -> Iterator[None]:
        execution = self.execution_context
        execution.parse_options["max_tokens"] = TOKENS.most
        with suppress(GraphQLSyntaxError):  # left to strawberry, which says so as it should
            self._document = read(execution.query or "")
            execution.graphql_document = self._document.node
        yield

    async def on_validate(self) -> AsyncIterator[None]:
        assert self._document is not None
        context: Context = self.execution_context.context
        errors = self._errors(self._document, context)
        points = REFUSED if errors or self._dry_run or context.cost is None else context.cost.points
        if wait := await charge(context, points):
            errors = [_too_often(context, wait)]
        self.execution_context.pre_execution_errors = errors
        yield

    def on_execute(self) -> Iterator[None]:
        if self._dry_run is not None:
            self.execution_context.graphql_document = self._dry_run
        yield

    def _errors(self, document: Document, context: Context) -> list[GraphQLError]:
        """What is wrong with the operation; empty where it may be executed."""
        execution, settings = self.execution_context, context.doors.settings
        operation, variables = document.operation(execution.operation_name), execution.variables or {}
        measured = _measured(operation, document.fragments)
        is_dry = any(_is_dry(field, operation, variables) for field in measured)
        if not document.shape.is_cyclic:
            try:
                check_values(variables)
                context.cost = self._costs.measure(operation, document.fragments, variables, document.shape)
                if not is_dry:
                    check(_cost(settings), context.cost.points)
            except Excess as excess:
                return [TooCostly(excess, context.cost)]
        if is_dry:
            self._dry_run = _only(measured, operation, document.fragments)
        return document.errors(
            execution.schema._schema, introspection=settings.introspection, suggestions=settings.suggestions
        )

    def _hide_suggestions(self, result: Any) -> None:
        if not self.execution_context.context.doors.settings.suggestions:
            for error in getattr(result, "errors", None) or ():
                error.message = _SUGGESTION.sub("", error.message)


def _cost(settings: Settings) -> Limit:
    remedy = "Ask for smaller pages, or for less of each object; `rateLimit(isDryRun: true)` tells what it costs."
    return Limit("cost", settings.max_cost, "points for all that the operation could answer", remedy)


def _too_often(context: Context, wait: int) -> GraphQLError:
    refusal = refused(context, wait)
    return GraphQLError(str(refusal), extensions=refusal.formatted["extensions"])


def _measured(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[FieldNode, ...]:
    """The fields of the root that are `rateLimit`, those of its fragments included."""
    found: list[FieldNode] = []
    waiting, opened = [operation.selection_set], set[str]()
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                if node.name.value == NAME:
                    found.append(node)
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in opened:
                opened.add(node.name.value)
                if (fragment := fragments.get(node.name.value)) is not None:
                    waiting.append(fragment.selection_set)
    return tuple(found)


def _is_dry(field: FieldNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> bool:
    """Whether an operation that has this field is only to be measured."""
    for argument in field.arguments or ():
        if argument.name.value == DRY_RUN:
            if isinstance(argument.value, VariableNode):
                return {**default_values(operation), **variables}.get(argument.value.name.value) is True
            return isinstance(argument.value, BooleanValueNode) and argument.value.value
    return False


def _only(
    fields: tuple[FieldNode, ...],
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> DocumentNode:
    """A document of the same operation with these fields alone."""
    lone = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=fields),
    )
    return DocumentNode(definitions=(lone, *fragments.values()))
