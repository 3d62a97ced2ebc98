"""What an operation may cost at most, in points, read from the schema and the page sizes that the operation names.

Counted are values: a plain one is 1, an object `OBJECT`, as often as the lists that it stands in may be long, and a
call of a resolver `CALL`, once, since it answers for all parents together. A list with pages is as long as its page
(`first` or `last`, else 20), one that is asked for by ids as they are many, any other as `LENGTHS` says, or `LENGTH`.
`POINT` values are a point, some fields cost points of their own (`POINTS`), and an operation costs one at least.
What `@skip` and `@include` leave out is counted too.

Measured, a plain value takes about 9 µs of a processor, an object 40 µs and a call 1 ms, so a point is about a
millisecond of it, at most: most lists are shorter than they may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    parse,
    value_from_ast_untyped,
)

from api.batch import Source
from api.edge.shapes import Limit, Shape, check, fragments_of
from api.paging import DEFAULT_SIZE, LARGEST_SIZE

POINT = 100
OBJECT = 5
CALL = 100
LENGTH = 5
"""Of a list of which nothing else is said."""
MUTATION = 5
"""Points of a field of Mutation of which nothing else is said."""
SUBSCRIPTION = 10
"""Points of a field of Subscription, beside those of one event."""

LENGTHS: Mapping[str, int] = MappingProxyType(
    {
        "Bankroll.equityCurve": 50,
        "Bankroll.performanceBy": 10,
        "Job.failures": 100,
        "CalibrationReport.bins": 10,
        "Match.events": 20,
        "Match.markets": 30,
        "Match.predictions": 30,
        "MatchAnalysis.modelComparison": 15,
        "Model.currentVersions": 20,
        "OddsBoard.rows": 20,
        "OddsUpdate.changes": 100,
        "Query.countries": 50,
        "Season.standings": 20,
        "Selection.oddsSeries": 200,
        "Selection.quotes": 20,
        "TableForecast.rows": 20,
        "Team.ratingHistory": 100,
    }
)
"""How long a list may be that says it nowhere else."""
POINTS: Mapping[str, int] = MappingProxyType(
    {
        "Bankroll.equityCurve": 2,
        "Bankroll.performance": 2,
        "Bankroll.performanceBy": 2,
        "Model.calibration": 5,
        "Model.scorecard": 2,
        "Mutation.deleteAccount": 100,
        "Mutation.exportData": 20,
        "Mutation.importBets": 50,
        "Mutation.login": 100,
        "Mutation.register": 100,
        "Mutation.requestTableForecast": 50,
        "Mutation.resetPassword": 100,
        "Query.comboPrice": 2,
        "Query.confidenceAnalysis": 5,
        "Query.leaderboard": 20,
        "Query.search": 2,
        "Season.standings": 2,
        "Season.tableForecast": 20,
        "User.performance": 5,
        "User.performanceByCurrency": 5,
    }
)
"""What a field costs for each parent beside the values that it answers: passwords are hashed, seasons simulated."""
IDS: Mapping[str, str] = MappingProxyType({"Query.nodes": "ids"})
"""Lists that are as long as the list of an argument."""
ROOM = 1.1
"""So many times what introspection by the usual query reads of the schema, one operation may."""
FREE = frozenset({"Query.rateLimit"})
"""What costs nothing, with all that is asked of it."""

_PAGE = frozenset({"nodes", "edges"})
_SIZES = ("first", "last")
_META = {"__schema": "__Schema", "__type": "__Type"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What an operation costs at most."""

    points: int
    items: int
    """Objects that it could answer; pages, edges and what belongs to a page are none."""
    nodes: int
    """Fields and fragments of its document, see `shapes`."""
    depth: int


class _Sum(NamedTuple):
    """Values and objects, those of a page apart from those beside it, and calls of resolvers."""

    values: int = 0
    items: int = 0
    paged_values: int = 0
    paged_items: int = 0
    calls: int = 0


class _Field(NamedTuple):
    """What the schema says of a field."""

    kind: str | None = None
    """Type of its objects; None for plain values."""
    own: int = 1
    """Values of one of them."""
    is_item: bool = False
    length: int = 1
    sizes: Mapping[str, Any] = MappingProxyType({})
    """Arguments that say how long it is, with their defaults."""
    ids: str | None = None
    has_pages: bool = False
    """Whether the sizes are those of a page within it."""
    is_page: bool = False
    """Whether it is as long as the page that it stands in."""
    is_wrapped: bool = False
    """Whether it is the type within a list or within what is never null."""
    extra: int = 0
    """Values for each parent beside these."""
    calls: int = 0


Fields = Mapping[str, Mapping[str, _Field]]
"""By type and name."""


class Costs:
    """What every field of a schema costs, read once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        """Raises LookupError where a table of this module names a field that the schema does not have."""
        self._roots = {each: kind.name for each in OperationType if (kind := schema.get_root_type(each))}
        self._fields = _fields(schema, self._roots)
        whole = parse(get_introspection_query(input_value_deprecation=True))
        counting = _Counting(self._fields, fragments_of(whole), {})
        counting.selected(self._roots[OperationType.QUERY], _operation(whole).selection_set)
        remedy = "Read the schema once: the query that tools send is within it."
        most = math.ceil(ROOM * counting.introspected)
        self._introspection = Limit("introspection", most, "values of the schema", remedy)

    def measure(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        shape: Shape,
    ) -> Cost:
        """What an operation costs with these variables, which need not be right; its document is within the limits of
        `shapes` and has no rings. A field that does not exist is a plain value here.

        Raises Excess for one that reads more of the schema than there is.
        """
        counting = _Counting(self._fields, fragments, {**default_values(operation), **variables})
        found = counting.selected(self._roots.get(operation.operation, ""), operation.selection_set)
        check(self._introspection, counting.introspected)
        values = found.values + found.paged_values + found.calls * CALL
        return Cost(max(1, math.ceil(values / POINT)), found.items + found.paged_items, shape.nodes, shape.depth)


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    return next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))


def _fields(schema: GraphQLSchema, roots: Mapping[OperationType, str]) -> Fields:
    lengths = {**LENGTHS, **dict(_introspected(schema))}
    points = {roots.get(OperationType.MUTATION): MUTATION, roots.get(OperationType.SUBSCRIPTION): SUBSCRIPTION}
    fields = {
        name: {
            each: _field(f"{name}.{each}", field, lengths, points.get(name, 0)) for each, field in kind.fields.items()
        }
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    }
    for path in (*LENGTHS, *POINTS, *IDS, *FREE):
        name, _, each = path.partition(".")
        if each not in fields.get(name, {}):
            raise LookupError(f"{path} has a price in {__name__}, and the schema has no such field")
    query = fields[roots[OperationType.QUERY]]
    query |= {name: _Field(kind=kind) for name, kind in _META.items()}
    return fields


def _field(path: str, field: GraphQLField, lengths: Mapping[str, int], points: int) -> _Field:
    if path in FREE:
        return _Field(own=0)
    kind = get_named_type(field.type)
    is_composite, is_list = is_composite_type(kind), is_list_type(get_nullable_type(field.type))
    parent, _, name = path.rpartition(".")
    is_connection = kind.name.endswith("Connection")
    is_page = is_list and parent.endswith("Connection") and name in _PAGE
    is_meta = kind.name.startswith("__")
    of_a_page = is_connection or kind.name.endswith("Edge") or kind.name == "PageInfo"
    arguments = {each: field.args[each].default_value for each in _SIZES if each in field.args}
    return _Field(
        kind=kind.name if is_composite else None,
        own=OBJECT if is_composite and not of_a_page and not is_meta else 1,
        is_item=is_composite and not of_a_page,
        length=lengths.get(path, LENGTH if is_list and is_composite and not is_page else 1),
        sizes={each: None if default is Undefined else default for each, default in arguments.items()},
        ids=IDS.get(path),
        has_pages=is_connection,
        is_page=is_page,
        is_wrapped=path == "__Type.ofType",
        extra=POINT * POINTS.get(path, points),
        calls=_calls(field),
    )


def _calls(field: GraphQLField) -> int:
    """1 for a field whose resolver asks for something that the row does not have."""
    definition = field.extensions.get("strawberry-definition")
    source = None if definition is None else definition.metadata.get(Source)
    return 0 if source is None else int(bool(source.given))


def _introspected(schema: GraphQLSchema) -> Iterator[tuple[str, int]]:
    """How long the lists of introspection are, for one type on average where they are a type's."""
    kinds = [*schema.type_map.values()]
    fields = [each for kind in kinds for each in getattr(kind, "fields", {}).values() if isinstance(each, GraphQLField)]
    inputs = [each for kind in kinds if isinstance(kind, GraphQLInputObjectType) for each in kind.fields]
    enums = [value for kind in kinds for value in getattr(kind, "values", {})]
    yield "__Schema.types", len(kinds)
    yield "__Schema.directives", len(schema.directives)
    yield "__Type.fields", math.ceil(len(fields) / len(kinds))
    yield "__Type.inputFields", math.ceil(len(inputs) / len(kinds))
    yield "__Type.enumValues", math.ceil(len(enums) / len(kinds))
    yield "__Type.interfaces", 1
    yield "__Type.possibleTypes", 1
    yield "__Field.args", math.ceil(sum(len(field.args) for field in fields) / len(fields))


def default_values(operation: OperationDefinitionNode) -> dict[str, Any]:
    """Values of variables that are not given."""
    return {
        each.variable.name.value: value_from_ast_untyped(each.default_value)
        for each in operation.variable_definitions or ()
        if each.default_value is not None
    }


class _Counting:
    """One operation being counted."""

    def __init__(
        self, fields: Fields, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._fields = fields
        self._fragments = fragments
        self._variables = variables
        self.introspected = 0
        """Values of the schema."""
        self._known: dict[str, _Sum] = {}
        """Fragments that have been counted."""

    def selected(self, kind: str, selections: SelectionSetNode) -> _Sum:
        """What is selected of one object of a type."""
        fields = self._fields.get(kind, {})
        values = items = paged_values = paged_items = calls = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                field = fields.get(node.name.value, _PLAIN)
                found = self._field(field, node)
            elif isinstance(node, FragmentSpreadNode):
                found = self._fragment(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                named = node.type_condition
                found = self.selected(kind if named is None else named.name.value, node.selection_set)
            values += found.values
            items += found.items
            paged_values += found.paged_values
            paged_items += found.paged_items
            calls += found.calls
        return _Sum(values, items, paged_values, paged_items, calls)

    def _fragment(self, name: str) -> _Sum:
        if (known := self._known.get(name)) is not None:
            return known
        fragment = self._fragments.get(name)
        if fragment is None:
            return _NOTHING
        found = self._known[name] = self.selected(fragment.type_condition.name.value, fragment.selection_set)
        return found

    def _field(self, field: _Field, node: FieldNode) -> _Sum:
        if field.kind is None or node.selection_set is None:
            return _Sum(values=field.own + field.extra, calls=field.calls)
        inner = self.selected(field.kind, node.selection_set)
        length = self._length(field, node)
        calls = inner.calls + field.calls
        if field.has_pages:
            values = field.own + field.extra + inner.values + length * inner.paged_values
            return _Sum(values, inner.items + length * inner.paged_items, 0, 0, calls)
        if node.name.value in _META:
            self.introspected += inner.values
        values, items = field.own + inner.values + inner.paged_values, field.is_item + inner.items + inner.paged_items
        if field.is_page:
            return _Sum(0, 0, values, items, calls)
        if field.is_wrapped and node.alias is None and _is_plain(node.selection_set):
            return _Sum(
                1
                + sum(
                    isinstance(each, FieldNode) and each.selection_set is None for each in node.selection_set.selections
                )
            )
        return _Sum(length * values + field.extra, length * items, 0, 0, calls)

    def _length(self, field: _Field, node: FieldNode) -> int:
        """How long the list of a field may be, or its page."""
        if field.ids is not None:
            return max(
                (self._many(each.value) for each in node.arguments or () if each.name.value == field.ids), default=1
            )
        if not field.sizes:
            return field.length
        given = {each.name.value: each.value for each in node.arguments or () if each.name.value in field.sizes}
        sizes = {**field.sizes, **given}
        named = [size for each in sizes.values() if (size := self._size(each)) is not None]
        return max(named, default=DEFAULT_SIZE)

    def _many(self, node: ValueNode) -> int:
        """How many values are given; one that stands alone is a list of one for GraphQL."""
        if isinstance(node, ListValueNode):
            return len(node.values)
        if not isinstance(node, VariableNode):
            return 0 if isinstance(node, NullValueNode) else 1
        value = self._variables.get(node.name.value)
        return len(value) if isinstance(value, list) else int(value is not None)

    def _size(self, given: object) -> int | None:
        """A page size; None where it is not given, and the largest for one that will be refused."""
        value = self._variables.get(given.name.value) if isinstance(given, VariableNode) else given
        if isinstance(value, IntValueNode):
            value = int(value.value)
        if value is None or isinstance(value, NullValueNode):
            return None
        return value if isinstance(value, int) and 1 <= value <= LARGEST_SIZE else LARGEST_SIZE


def _is_plain(selections: SelectionSetNode) -> bool:
    """Whether fields without a new name are all that is selected, plain ones or such a type again: so tools ask, ten
    levels deep, of which seldom more than the first is there."""
    return all(
        isinstance(each, FieldNode)
        and each.alias is None
        and (each.selection_set is None or (each.name.value == "ofType" and _is_plain(each.selection_set)))
        for each in selections.selections
    )


_PLAIN = _Field()
_NOTHING = _Sum()
